"""Spectra, images and pixels are told apart, whatever an error costs, by the names of classes."""

import numpy as np
import pytest
import torch

from napari_hyperspectral import Recipe, Training, fit, predict
from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling
from napari_hyperspectral.evaluation.test_set import evaluate_test_set_steps
from napari_hyperspectral.evaluation.validation import validate_steps
from napari_hyperspectral.networks import Pixelwise, SpectralUNet
from napari_hyperspectral.progress import run
from napari_hyperspectral.tasks import ClassifyImages, ClassifySpectra, Segment, losses
from napari_hyperspectral.tasks.classes import class_loss, class_numbers
from napari_hyperspectral.training.fit import fit_steps

AXIS = SpectralAxis(np.linspace(600, 1800, 10), "1/cm", "raman_shift")
KINDS = ("bone", "fat", "liver")
every_penalty = pytest.mark.parametrize(
    "penalty", [{}, {"penalty": "binary"}, {"penalty": "focal"}, {"dice": 1.0}], ids=str
)


def spectra_of(kind, shape, chance, noise=0.3):
    """Spectra with a peak of their kind, (band, *shape)."""
    centre = 800 + 300 * KINDS.index(kind)
    peak = np.exp(-(((AXIS.centres - centre) / 150) ** 2))
    clean = peak.reshape(-1, *(1 for _ in shape)) + np.zeros(shape)
    return (clean + chance.normal(0, noise, clean.shape)).astype(np.float32)


def one_folder(kind, chance, count=60):
    """A table of spectra of one class, labelled with its own name."""
    spectra = Cube(spectra_of(kind, (1, count), chance), AXIS, name=f"{kind}.csv")
    return {"spectra": spectra, "labels": Labels(np.ones((1, count), np.uint8), (kind,))}


def picture(kind, chance, size=(11, 14)):
    return Cube(spectra_of(kind, size, chance, noise=1.0), AXIS, name=f"a {kind}")


def pictures(chance, kinds=("liver", "bone", "fat"), each=4):
    return [{"image": picture(kind, chance), "label": kind} for kind in kinds for _ in range(each)]


def learn(task, network, examples, **training):
    recipe = Recipe(task=task, method=network, training=Training(**training))
    return fit(recipe, [recipe.example(**images) for images in examples])


@every_penalty
def test_spectra_learned_from_one_table_a_class_are_told_apart(penalty, rng):
    model = learn(
        ClassifySpectra(**penalty),
        Pixelwise(width=16, dropout=0.0),
        [one_folder(kind, rng) for kind in ("liver", "bone", "fat")],
        epochs=15,
        learning_rate=1e-2,
    )
    unseen = np.concatenate([spectra_of(kind, (1, 50), rng) for kind in KINDS], axis=2)
    found = predict(model, Cube(unseen, AXIS, pixel_size=(1, 2)))
    assert (found.classes, found.pixel_size) == (KINDS, (1, 2))  # by name
    assert found.history[-1] == "classified"
    assert (found.data[0] == np.repeat([1, 2, 3], 50)).mean() > 0.9


def test_tables_that_count_their_classes_from_one_are_judged_by_name(rng):
    folders = [one_folder(kind, rng) for kind in ("liver", "bone", "fat")]
    model = learn(
        ClassifySpectra(), Pixelwise(width=16, dropout=0.0), folders, epochs=15, learning_rate=1e-2
    )
    examples = [model.recipe.example(**folder) for folder in folders]
    figures = run(validate_steps(model, examples, folders)).card.metrics["figures"][0]
    assert figures["OA %"] > 80
    report = run(evaluate_test_set_steps(model, [one_folder(kind, rng) for kind in KINDS]))
    assert all(row["OA %"] > 80 for row in report.tables[0].rows)


def test_classes_are_numbered_by_the_settings_where_they_name_them(rng):
    task = ClassifySpectra(classes=("liver", "bone", "fat"))
    bone, fat = task.unify_classes(
        [task.example(**one_folder(kind, rng)) for kind in ("bone", "fat")]
    )
    assert bone.output_axis.names == fat.output_axis.names == ("liver", "bone", "fat")
    assert set(np.unique(bone.target)) == set(np.unique(bone.sampling_classes)) == {2}
    assert set(np.unique(fat.target)) == {3}


def test_colours_follow_their_classes(rng):
    folders = {kind: one_folder(kind, rng) for kind in ("fat", "bone")}
    for kind, colour in (("fat", "#ffff00"), ("bone", "#eeeeee")):
        labels = folders[kind]["labels"]
        folders[kind]["labels"] = Labels(labels.data, labels.classes, (colour,))
    examples = [ClassifySpectra().example(**folder) for folder in folders.values()]
    for example in ClassifySpectra().unify_classes(examples):
        assert example.output_axis.names == ("bone", "fat")
        assert example.colours == ("#eeeeee", "#ffff00")


def test_lists_that_begin_alike_keep_their_order(rng):
    spectra = Cube(spectra_of("fat", (1, 12), rng), AXIS)
    few, all_ = (
        ClassifySpectra().example(spectra=spectra, labels=Labels(1 + np.arange(12)[None] % count))
        for count in (2, 12)
    )
    for example in ClassifySpectra().unify_classes([few, all_]):
        assert example.output_axis.names == tuple(f"class {i}" for i in range(1, 13))


@pytest.mark.parametrize("task", [ClassifySpectra(), ClassifySpectra(classes=KINDS)], ids=str)
def test_one_class_is_none(task, rng):
    examples = [task.example(**one_folder("fat", rng)) for _ in range(2)]
    with pytest.raises(ValueError, match=r"all examples are of one class \(fat\)"):
        task.unify_classes(examples)


def test_a_class_that_nobody_named_is_refused(rng):
    task = ClassifySpectra(classes=("bone", "liver"))
    examples = [task.example(**one_folder(kind, rng)) for kind in ("bone", "fat")]
    with pytest.raises(ValueError, match=r"is of class 'fat'; wanted one of bone, liver"):
        task.unify_classes(examples)
    with pytest.raises(ValueError, match=r"labelled 'fat'; wanted one of bone, liver"):
        ClassifyImages(classes=("bone", "liver")).example(image=picture("fat", rng), label="fat")
    with pytest.raises(ValueError, match="wanted the name of its class"):
        ClassifyImages().example(image=picture("fat", rng), label="")


def test_spectra_without_any_label_are_refused(rng):
    folder = one_folder("fat", rng)
    folder["labels"] = Labels(0 * folder["labels"].data, ("fat",))
    with pytest.raises(ValueError, match="class of no measured spectrum"):
        ClassifySpectra().example(**folder)
    nothing = Labels(0 * folder["labels"].data)
    with pytest.raises(ValueError, match="class of no measured spectrum"):
        Segment().example(cube=folder["spectra"], labels=nothing)


@pytest.mark.parametrize(
    "network", [Pixelwise(width=8), SpectralUNet(components=4, width=8, depth=1)], ids=str
)
def test_whole_images_are_told_apart(network, rng):
    model = learn(
        ClassifyImages(), network, pictures(rng), epochs=8, learning_rate=1e-2, image_batch_size=6
    )
    for kind in KINDS:
        unseen = picture(kind, rng, size=(9, 17))
        found = predict(model, unseen)
        assert found.classes == KINDS
        assert (found.data == KINDS.index(kind) + 1).all()
        assert found.shape == (9, 17)
        scores = found.metadata["scores"]
        assert max(scores, key=scores.get) == kind
        assert sum(scores.values()) == pytest.approx(1, abs=1e-5)


def test_each_plane_of_a_stack_has_its_own_class(rng):
    model = learn(
        ClassifyImages(),
        Pixelwise(width=8),
        pictures(rng),
        epochs=8,
        learning_rate=1e-2,
        image_batch_size=6,
    )
    planes = np.stack([picture(kind, rng).data for kind in ("fat", "bone")])
    found = predict(model, Cube(planes, AXIS, z=Sampling(1.0)))
    assert found.shape == (2, 11, 14)
    assert [np.unique(plane).tolist() for plane in found.data] == [[2], [1]]
    assert [np.argmax(scores) for scores in found.metadata["scores"].values()] == [1, 0, 0]


def test_a_plane_that_was_not_measured_teaches_no_class(rng):
    planes = np.stack([picture("fat", rng).data] * 2)
    planes[1] = np.nan
    example = ClassifyImages().example(image=Cube(planes, AXIS, z=Sampling(1.0)), label="fat")
    assert example.target.shape == (2, 1, 1, 1)
    assert example.target.ravel().tolist() == [1, 0]
    assert example.sampling_classes.any(axis=(1, 2)).tolist() == [True, False]


def test_a_plane_without_scores_has_no_class():
    scores = np.array([[2.0, 1.0], [np.nan, np.nan]], np.float32)[:, :, None, None]
    planes = Cube(np.zeros((2, 10, 3, 4), np.float32), AXIS, z=Sampling(1.0))
    found = ClassifyImages().result(scores, ChannelAxis(("bone", "fat")), planes)
    assert [np.unique(plane).tolist() for plane in found.data] == [[1], [0]]
    assert found.metadata["scores"] == {"bone": [0.731059, None], "fat": [0.268941, None]}


def test_scores_are_probabilities_of_the_penalty_that_made_them():
    scores = np.array([2.0, -1.0, 0.5], np.float32)[:, None, None]
    odds = np.exp(scores)
    assert np.allclose(Segment().probabilities(scores), odds / odds.sum())
    binary = Segment(penalty="binary").probabilities(scores)
    assert np.allclose(binary, odds / (1 + odds))


def test_every_setting_of_the_cost_is_another_cost(rng):
    scores = torch.from_numpy(rng.normal(0, 1, (1, 3, 4, 5)))
    ids = torch.from_numpy(rng.integers(0, 4, (1, 1, 4, 5))).float()
    tasks = [Segment(), *(Segment(penalty=p) for p in ("binary", "focal")), Segment(dice=1.0)]
    tasks += [Segment(penalty="binary", dice=1.0)]
    tasks += [task.model_copy(update={"smoothing": 0.3}) for task in tasks]
    tasks += [task.model_copy(update={"balance": False}) for task in tasks]
    costs = [float(class_loss(scores, ids, task)) for task in tasks]
    assert len({round(cost, 5) for cost in costs}) == len(costs) == 20


def test_dice_asks_what_the_penalty_asks(rng):
    scores = torch.from_numpy(rng.normal(0, 1, (1, 3, 4, 5)))
    ids = torch.from_numpy(rng.integers(0, 4, (1, 1, 4, 5))).float()
    for penalty in ("cross-entropy", "binary"):
        plain, both = (
            class_loss(scores, ids, Segment(penalty=penalty, dice=d)) for d in (0.0, 1.0)
        )
        overlap = losses.dice(scores, ids[:, 0].long(), independent=penalty == "binary")
        assert float(both - plain) == pytest.approx(float(overlap))


def test_weights_go_by_the_names_of_the_classes():
    task = Segment(weights=("corn = 2.5", "a=b=0"), classes=("oats", "a=b", "corn"))
    assert task.class_weights == (1, 0, 2.5)
    assert Segment().class_weights is None
    for wrong in ("corn", "=2", "corn=", "corn=much", "corn=-1", "corn=inf"):
        with pytest.raises(ValueError, match="wanted class=number, such as corn"):
            Segment(weights=(wrong,))
    with pytest.raises(ValueError, match="corn cannot have two weights"):
        Segment(weights=("corn=2", "corn=3"))


def test_names_that_no_class_has_are_refused_when_training_begins(noisy, truth, rng):
    maps, images = [{"cube": noisy, "labels": truth}], pictures(rng)
    lists = [{"spectra": noisy, "labels": truth}]
    for kind, pairs in ((Segment, maps), (ClassifySpectra, lists), (ClassifyImages, images)):
        recipe = Recipe(task=kind(weights=("cron=2",)), method=Pixelwise.smallest())
        examples = [recipe.example(**pair) for pair in pairs]
        with pytest.raises(ValueError, match="a weight for 'cron', which is none of the classes"):
            next(fit_steps(recipe, examples))


def test_a_class_whose_errors_cost_more_is_found_more_often(rng):
    shape = (12, 15)
    ids = rng.integers(1, 3, shape)
    spectra = rng.normal(0, 1, (4, *shape)) + 0.5 * (ids == 2)  # hard to tell apart
    cube, labels = Cube(spectra, SpectralAxis.index(4)), Labels(ids, ("oats", "corn"))
    found = []
    for weights in (("oats=5",), (), ("corn=5",)):
        model = learn(
            Segment(weights=weights),
            Pixelwise(width=8, dropout=0.0),
            [{"cube": cube, "labels": labels}],
            epochs=10,
            learning_rate=1e-2,
        )
        found.append((predict(model, cube).data == 2).mean())
        assert model.recipe.task == Segment(weights=weights)  # of other classes, another time
    assert found[0] < found[1] - 0.1 < found[1] + 0.1 < found[2]


@every_penalty
def test_pixels_are_told_apart_whatever_an_error_costs(penalty, noisy, truth):
    painted = np.where(np.random.default_rng(1).random(truth.shape) < 0.4, truth.data, 0)
    model = learn(
        Segment(**penalty),
        Pixelwise(width=16, dropout=0.0),
        [{"cube": noisy, "labels": Labels(painted, truth.classes)}],
        epochs=15,
        learning_rate=1e-2,
    )
    found = predict(model, noisy)
    assert (found.data == truth.data).mean() > 0.8  # noise hides what is nearly equal


def test_a_plane_that_was_not_measured_gets_no_class_in_a_prediction(rng):
    axis = SpectralAxis.index(3)
    recipe = Recipe(
        task=ClassifyImages(), method=Pixelwise(width=4), training=Training(epochs=1, validation=0)
    )
    pairs = [(Cube(rng.normal(size=(3, 6, 6)), axis), label) for label in ("a", "b")]
    model = fit(recipe, [recipe.example(image=cube, label=label) for cube, label in pairs])
    planes = rng.normal(size=(2, 3, 6, 6)).astype(np.float32)
    planes[1] = np.nan
    found = predict(model, Cube(planes, axis, z=Sampling()))
    assert found.data[0].min() > 0
    assert not found.data[1].any()


def test_labels_are_renumbered_by_name_and_unknown_classes_become_unlabelled():
    numbers = class_numbers(("oak", "soil", "tree"), ("soil", "oak"))
    assert numbers.tolist() == [0, 2, 1, 0]
    assert numbers[np.array([[1, 3], [0, 2]])].tolist() == [[2, 0], [0, 1]]
