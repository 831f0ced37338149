"""Results are named after their cubes by one rule, and are refused before the work."""

from pathlib import Path

import numpy as np
import pytest

from napari_hyperspectral.io import FORMATS
from napari_hyperspectral.workflows.targets import (
    SameTargetError,
    Targets,
    check_model_target,
    existing_files,
    image_targets,
    output_suffixes,
    stem_of,
    targets_in_folder,
    targets_of_file,
)


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("scan.hdr", "scan"),
        ("folder/scan.2.HDR", "scan.2"),
        ("scan.ome.tif", "scan"),
        ("slide.ome.zarr/", "slide"),
        ("plain", "plain"),
        ("scan.npz@yxb", "scan"),
        ("all.mat::cube@yxb", "all_cube"),
        ("all.h5::/entry/data", "all_entry_data"),
    ],
)
def test_results_are_named_after_the_file_and_the_array_in_it(source, stem):
    assert stem_of(source) == stem


def test_a_folder_gets_the_result_the_probabilities_and_the_report_of_each_cube():
    one, two = targets_in_folder(Path("out"), ["a.npz", "b.hdr"], ".tif", probabilities=True)
    result, probabilities, report = (
        Path("out") / f"a_{word}" for word in ("predicted.tif", "probabilities.tif", "report")
    )
    assert one == Targets(result, probabilities, report)
    assert one.images == [result, probabilities]
    assert two.result == Path("out/b_predicted.tif")
    (plain,) = targets_in_folder(Path("out"), ["a.npz"], ".tif", reports=Path("elsewhere"))
    assert plain == Targets(result, None, Path("elsewhere/a_report"))


def test_a_file_is_named_by_who_names_it_and_the_others_after_it():
    target = targets_of_file(Path("map.ome.tif"), "cell.npz", probabilities=True)
    assert target == Targets(Path("map.ome.tif"), Path("map_probabilities.ome.tif"), None)
    target = targets_of_file(Path("map.npz"), "cell.npz", reports=Path("reports"))
    assert target == Targets(Path("map.npz"), None, Path("reports/cell_report"))


def test_no_result_has_the_name_of_its_source(tmp_path):
    for known in FORMATS:
        for pattern in known.patterns:
            source = "scan" + pattern.lstrip("*").rstrip("/")
            for suffix in output_suffixes():
                (target,) = targets_in_folder(Path(), [source], suffix)
                assert target.result.name != source
    cube = tmp_path / "cell.npz"
    np.savez(cube, data=np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"is the cube itself.*give the result another name"):
        targets_of_file(cube, f"{cube}::data@byx")


def test_two_cubes_never_write_to_one_file():
    sources = ["a/cell.npz", "b/cell.hdr"]
    with pytest.raises(SameTargetError, match="would both be named cell_…"):
        targets_in_folder(Path("out"), sources, ".npz")
    with pytest.raises(SameTargetError):
        image_targets(Path("out"), sources, ".npz", ("classes",))
    assert len(targets_in_folder(Path("out"), ["a.npz::x", "a.npz::y"], ".npz")) == 2


def test_what_would_be_overwritten_is_all_files_of_a_format(tmp_path):
    for name in ("map.img", "map.hdr", "model.safetensors"):
        (tmp_path / name).touch()
    targets = [tmp_path / "map.hdr", tmp_path / "new.npz", tmp_path / "model.safetensors"]
    names = {path.name for path in existing_files(targets)}
    assert names == {"map.img", "map.hdr", "model.safetensors"}
    with pytest.raises(ValueError, match="docx"):
        existing_files([tmp_path / "map.docx"])


def test_a_model_needs_its_suffix_and_a_folder(tmp_path):
    check_model_target(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"not as 'model\.pt'; name it model\.safetensors"):
        check_model_target(tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_model_target(tmp_path / "none" / "model.safetensors")
