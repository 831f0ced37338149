"""The super-resolution network of DeepeR, against the published figures."""

import json

import pytest
import torch

from napari_hyperspectral.networks import HyRISR, Ports


def state_of(scale, settings=None, bands=500):
    """Return the state dict without values: the real ones take 0.6 GB."""
    with torch.device("meta"):
        body = (settings or HyRISR()).build(Ports(bands_in=bands, bands_out=bands, scale=scale))
    return body.state_dict()


@pytest.mark.parametrize(("scale", "count"), [(2, 147_150_870), (3, 158_403_370), (4, 156_152_870)])
def test_it_has_the_published_number_of_parameters(scale, count):
    assert sum(tensor.numel() for tensor in state_of(scale).values()) == count


def test_sixteen_blocks_a_group_as_meant_are_two_hundred_million_more():
    meant, released = (
        sum(t.numel() for t in state_of(4, HyRISR(blocks=blocks)).values()) for blocks in (16, 6)
    )
    assert round((meant - released) / 1e6) == 204


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_its_keys_and_shapes_are_those_on_record(scale, data_folder):
    record = json.loads((data_folder.parent / "reference/deeper-state-dict-keys.json").read_text())
    known = record["state_dicts"][f"Hyperspectral_RCAN 500 x{scale}"]
    for name, shape in list(known.items()):  # the record has one group of 18 alike
        if name.startswith("body.0."):
            known |= {f"body.{group}.{name[7:]}": shape for group in range(1, 18)}
    assert {name: list(tensor.shape) for name, tensor in state_of(scale).items()} == known


def test_eight_times_is_three_doublings():
    doubled = [name for name in state_of(8) if name.startswith("head1.0.") and "weight" in name]
    assert doubled == ["head1.0.0.weight", "head1.0.2.weight", "head1.0.4.weight"]


def test_an_attention_has_at_least_one_unit():
    state = state_of(2, HyRISR(groups=1, blocks=1), bands=3)
    assert state["body.0.body.0.body.3.chan_attn.0.weight"].shape == (1, 1, 1, 1)
