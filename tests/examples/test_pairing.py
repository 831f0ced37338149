"""Files become examples by their names, and never by the order of a disk."""

import numpy as np
import pytest

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.cube import Cube, Labels
from napari_hyperspectral.examples.pairing import pairing_of
from napari_hyperspectral.examples.reading import RowImages, read_examples
from napari_hyperspectral.examples.table import PairingError
from napari_hyperspectral.io import write
from napari_hyperspectral.progress import Stop
from napari_hyperspectral.recipe.recipe import Recipe
from napari_hyperspectral.tasks import Denoise, Segment

PAIR = {"noisy": Cube, "clean": Cube}
PAINTED = {"cube": Cube, "labels": Labels}
NAMED = {"image": Cube, "label": str}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cube_of(value, bands=3):
    return Cube(np.full((bands, 4, 5), value, np.float32), SpectralAxis(np.arange(bands) + 1.0))


def save(path, image):
    path.parent.mkdir(exist_ok=True)
    write(path, image, overwrite=True)


def fill(folder, *names):
    """Make files that are no more than names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def pairs(roles, *words):
    """Return the files of each row, a tuple a row."""
    found = pairing_of(roles, [tuple(word.split("=")) for word in words])
    return [tuple(row.files.values()) for row in found.rows]


def test_a_file_for_each_role_is_one_example(here):
    fill(here, "a.npz", "b.npz")
    assert pairs(PAIR, "noisy=a.npz", "clean=b.npz") == [("a.npz", "b.npz")]


def test_repeated_names_go_together_in_the_order_in_which_they_are_given(here):
    fill(here, "a.npz", "b.npz", "c.npz", "d.npz")
    words = ("noisy=a.npz", "noisy=c.npz", "clean=b.npz", "clean=d.npz")
    assert pairs(PAIR, *words) == [("a.npz", "b.npz"), ("c.npz", "d.npz")]


def test_two_folders_are_paired_by_name_in_natural_order(here):
    fill(here / "low", "c10.npz", "c2.npz", "c1.npz")
    fill(here / "high", "c2.mat", "c1.mat", "c10.mat")
    found = pairs(PAIR, "noisy=low", "clean=high/")
    assert found == [(f"low/c{i}.npz", f"high/c{i}.mat") for i in (1, 2, 10)]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("_low", "_high"), ("", "_mask"), ("_raw-map", "-labels"), ("_0.1s", "_1s"), (" a", "_b")],
)
def test_words_that_all_of_a_folder_end_with_do_not_matter(here, ours, theirs):
    for stem in ("day_1", "day_2"):
        fill(here / "x", f"{stem}{ours}.tif")
        fill(here / "y", f"{stem}{theirs}.tif")
    found = pairs(PAIR, "noisy=x", "clean=y")
    assert found == [(f"x/day_{i}{ours}.tif", f"y/day_{i}{theirs}.tif") for i in (1, 2)]


def test_a_number_at_the_end_says_which_image_it_is_and_is_never_left_out(here):
    fill(here / "x", "a_1.tif", "b_1.tif")
    fill(here / "y", "a_2.tif", "b_2.tif")
    with pytest.raises(PairingError, match=r"noisy a_1\.tif, noisy b_1\.tif, clean a_2\.tif"):
        pairs(PAIR, "noisy=x", "clean=y")


def test_the_last_word_of_a_single_file_may_say_which_image_it_is(here):
    fill(here, "x/scan_mouse.npz", "y/scan_rat.npz")
    with pytest.raises(
        PairingError, match=r"found 1 noisy, 1 clean; .* noisy scan_mouse\.npz, clean scan_rat\.npz"
    ):
        pairs(PAIR, "noisy=x", "clean=y")


def test_files_without_a_partner_are_named(here):
    fill(here / "x", "c0.npy", "c1.npy", "c3.npy")
    fill(here / "y", "c0.npy", "c1.npy", "c2.npy")
    with pytest.raises(PairingError, match=r"3 noisy, 3 clean; .* noisy c3\.npy, clean c2\.npy;"):
        pairs(PAIR, "noisy=x", "clean=y")


def test_folders_of_different_counts_are_refused(here):
    fill(here / "x", "c0.npy", "c1.npy")
    fill(here / "y", "c0.npy")
    with pytest.raises(PairingError, match=r"2 noisy, 1 clean; .* noisy c1\.npy;"):
        pairs(PAIR, "noisy=x", "clean=y")


def test_two_files_of_one_stem_are_refused(here):
    fill(here / "x", "c0.npz", "c0.mat")
    fill(here / "y", "c0.npz")
    with pytest.raises(PairingError, match=r"same name but for the suffix: c0\.mat, c0\.npz"):
        pairs(PAIR, "noisy=x", "clean=y")


def test_a_pattern_chooses_where_a_folder_holds_too_much(here):
    fill(here / "x", "c0.npz", "c0.mat", "c1.npz")
    fill(here / "y", "c0.npz", "c1.npz")
    found = pairs(PAIR, "noisy=x/*.npz", "clean=y")
    assert found == [(f"x/c{i}.npz", f"y/c{i}.npz") for i in (0, 1)]
    with pytest.raises(PairingError, match=r"no image fits 'x/\*\.wdf'"):
        pairs(PAIR, "noisy=x/*.wdf", "clean=y")


def test_one_folder_of_files_with_both_arrays_serves_both_roles(here):
    fill(here / "x", "a.npz", "b.npz")
    found = pairs(PAIR, "noisy=x/*.npz::low@yxb", "clean=x::high")
    assert found == [(f"x/{s}.npz::low@yxb", f"x/{s}.npz::high") for s in "ab"]


def test_a_suffix_of_two_parts_is_one_suffix(here):
    fill(here / "x", "a.1.ome.tif", "a.2.ome.tif")
    fill(here / "y", "a.1.npz", "a.2.npz")
    found = pairs(PAIR, "noisy=x", "clean=y")
    assert found == [(f"x/a.{i}.ome.tif", f"y/a.{i}.npz") for i in (1, 2)]


def test_numbers_that_an_instrument_counts_files_with_are_part_of_the_name(here):
    fill(here / "x", "a.0", "a.1")
    fill(here / "y", "a.1", "a.0")
    assert pairs(PAIR, "noisy=x", "clean=y") == [("x/a.0", "y/a.0"), ("x/a.1", "y/a.1")]


@pytest.mark.parametrize(
    ("files", "image"),
    [
        (("s.hdr", "s.img"), "s.img"),
        (("s.img.hdr", "s.img"), "s.img"),
        (("s.hdr", "s"), "s"),
        (("s.imzml", "s.ibd"), "s.imzml"),
        (("s.rpl", "s.raw"), "s.rpl"),
        (("s.npy", "s.json"), "s.npy"),
        (("s.mat", "s_wavelengths.txt"), "s.mat"),
        (("s.tif", "s.csv", ".s.tif", "Thumbs.db"), "s.tif"),
    ],
)
def test_the_files_of_one_image_count_once(here, files, image):
    fill(here / "x", *files)
    fill(here / "y", "s.npz")
    assert pairs(PAIR, "noisy=x", "clean=y") == [(f"x/{image}", "y/s.npz")]


def test_what_is_no_image_is_left_out_and_said_so(here):
    fill(here / "x", "a.npz", "notes.docx", ".DS_Store")
    fill(here / "y", "a.npz", "old/a.npz")
    found = pairing_of(PAIR, [("noisy", "x"), ("clean", "y")])
    assert found.left_out == ("x/notes.docx", "y/old")
    assert found.lines()[-1] == "left out: x/notes.docx, y/old"


def test_a_folder_that_is_an_image_is_one_image(here):
    for name in ("a", "b"):
        save(here / "x" / f"{name}.zarr", cube_of(1))
        fill(here / "y", f"{name}.npz")
    fill(here, "one.npz")
    assert len(pairs(PAIR, "noisy=x", "clean=y")) == 2
    assert pairs(PAIR, "noisy=x/a.zarr", "clean=one.npz") == [("x/a.zarr", "one.npz")]


def test_tiff_files_of_one_band_are_one_image_unless_others_are_several(here):
    for number in (1, 2):
        save(here / "bands" / f"s{number}.tif", cube_of(1, bands=1))
        save(here / "more" / f"s{number}.tif", cube_of(1, bands=2))
    fill(here, "one.npz")
    assert pairs(PAIR, "noisy=one.npz", "clean=bands") == [("one.npz", "bands")]
    assert len(pairs(PAIR, "noisy=more", "clean=bands")) == 2
    assert len(pairs(PAINTED, "cube=more", "labels=bands")) == 2


def test_a_folder_and_a_file_do_not_go_together(here):
    fill(here, "x/a.npz", "x/b.npz", "one.npz")
    with pytest.raises(PairingError, match=r"clean=one\.npz is one image, others are several"):
        pairs(PAIR, "noisy=x", "clean=one.npz")


def test_a_text_is_that_of_all_images_of_its_word(here):
    fill(here, "x/a.npz", "x/b.npz", "c.npz")
    found = pairs(NAMED, "image=x", "label=tumour", "image=c.npz", "label=healthy")
    assert found == [("x/a.npz", "tumour"), ("x/b.npz", "tumour"), ("c.npz", "healthy")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["noisy=a.npz"], "got 1 noisy, 0 clean; give as many of each"),
        (
            ["noisy=a.npz", "dirty=a.npz"],
            "got 'dirty'; this task needs noisy=PATH clean=PATH, or list=FILE",
        ),
        (["noisy=a.npz", "clean=none.npz"], "no file or folder 'none.npz'"),
        (["noisy=a.npz", "clean=empty"], "clean=empty holds no image"),
        (["classes=empty"], "this one needs noisy, clean"),
    ],
)
def test_words_that_make_no_example_are_refused(here, words, message):
    fill(here, "a.npz")
    (here / "empty").mkdir()
    with pytest.raises(PairingError, match=message):
        pairs(PAIR, *words)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_list_names_files_from_its_own_folder(here, mark):
    fill(here / "data", "a.npz", "b.npz", "c.npz", "d.npz")
    lines = (["clean", "noisy", "group"], ["b.npz", "a.npz", "rat 1"], ["d.npz", "c.npz", ""])
    (here / "data" / "list.csv").write_text("\ufeff" + "\n".join(map(mark.join, lines)), "utf-8")
    found = pairing_of(PAIR, [("list", "data/list.csv")])
    assert [row.files for row in found.rows] == [
        {"noisy": "data/a.npz", "clean": "data/b.npz"},
        {"noisy": "data/c.npz", "clean": "data/d.npz"},
    ]
    assert [row.group for row in found.rows] == ["rat 1", ""]


def test_a_list_says_which_rows_are_for_testing(here):
    fill(here, "a.npz", "b.npz")
    (here / "list.csv").write_text("image,label,split\na.npz,x,\nb.npz,y,test\na.npz,z,train\n")
    found = pairing_of(NAMED, [("list", "list.csv")])
    labels = {s: [row.files["label"] for row in found.of(s).rows] for s in ("train", "test")}
    assert labels == {"train": ["x", "z"], "test": ["y"]}


def test_rows_for_validation_go_with_those_to_train_on(here):
    fill(here, "a.npz", "b.npz", "c.npz")
    (here / "list.csv").write_text(
        "image,label,split\na.npz,x,\nb.npz,y,Validation\nc.npz,z,test\n"
    )
    train = pairing_of(NAMED, [("list", "list.csv")]).of("train")
    assert [(row.files["label"], row.split) for row in train.rows] == [
        ("x", ""),
        ("y", "validation"),
    ]
    (here / "list.csv").write_text("image,label,split\nb.npz,y,validation\n")
    with pytest.raises(PairingError, match="no row of the list is for 'train'"):
        pairing_of(NAMED, [("list", "list.csv")]).of("train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noisy,claen\na.npz,a.npz\n", "columns noisy, claen; wanted noisy, clean"),
        ("noisy\na.npz\n", "columns noisy; wanted noisy, clean"),
        ("noisy,clean\n", "there is no row in it"),
        (
            "noisy,clean\na.npz,a.npz\na.npz,\nb.npz,a.npz,c\n",
            r"line 3: no clean; line 4: it has more cells than .*, there is no file 'b\.npz'",
        ),
        (
            "noisy,clean,split\na.npz,a.npz,tset\n",
            "line 2: split is 'tset', wanted train, validation, test",
        ),
    ],
)
def test_bad_rows_of_a_list_are_named(here, text, message):
    fill(here, "a.npz")
    (here / "list.csv").write_text(text)
    with pytest.raises(PairingError, match=rf"list\.csv.*{message}"):
        pairs(PAIR, "list=list.csv")


@pytest.mark.parametrize(
    ("rows", "both"),
    [
        (("a.npz,x,rat 1,train", "a.npz,y,rat 2,test"), r"training and for testing are a\.npz"),
        (("a.npz,x,,train", "x/../a.npz,y,,test"), r"training and for testing are a\.npz"),
        (("a.npz,x,rat 1,", "b.npz,y,rat 1,test"), "training and for testing are group rat 1"),
        (("a.npz,x,1,validation", "b.npz,y,1,train"), "training and for validation are group 1"),
        (("a.npz,x,,test", "a.npz,y,,validation"), r"validation and for testing are a\.npz"),
    ],
)
def test_what_teaches_is_not_for_testing(here, rows, both):
    fill(here, "a.npz", "b.npz", "x/c.npz")
    (here / "list.csv").write_text("\n".join(("image,label,group,split", *rows)))
    with pytest.raises(PairingError, match=f"both for {both};"):
        pairing_of(NAMED, [("list", "list.csv")])


def test_the_folders_of_a_folder_are_classes(here):
    fill(here / "c", "tumour/a.npz", "tumour/b.hdr", "tumour/b.img", "healthy/a.npz", "notes.md")
    found = pairing_of(NAMED, [("classes", "c")])
    assert [tuple(row.files.values()) for row in found.rows] == [
        ("c/healthy/a.npz", "healthy"),
        ("c/tumour/a.npz", "tumour"),
        ("c/tumour/b.img", "tumour"),
    ]
    assert found.left_out == ("c/notes.md",)


def test_one_class_is_none(here):
    fill(here / "c", "tumour/a.npz")
    (here / "c" / "healthy").mkdir()
    with pytest.raises(
        PairingError, match=r"images of too few classes \(tumour\); wanted at least two"
    ):
        pairs(NAMED, "classes=c")


def test_the_table_is_shown_as_columns(here):
    fill(here / "x", "a.npz", "long name.npz")
    words = [("image", str(here / "x")), ("label", "healthy")]
    assert pairing_of(NAMED, words).lines() == [
        "image            label",
        "x/a.npz          healthy",
        "x/long name.npz  healthy",
    ]


@pytest.fixture
def folders(here):
    for value, name in enumerate("abc"):
        save(here / "x" / f"{name}.npz", cube_of(value))
        save(here / "y" / f"{name}.npz", cube_of(10 * value))
    rows = "".join(f"x/{s}.npz,y/{s}.npz,rat {s}\n" for s in "cab")
    (here / "list.csv").write_text("noisy,clean,group\n" + rows)
    return here


def test_examples_are_read_one_at_a_time(folders):
    read = read_examples(Recipe(task=Denoise()), pairing_of(PAIR, [("noisy", "x"), ("clean", "y")]))
    first = next(read)
    (folders / "x" / "c.npz").unlink()
    assert (first.input.max(), first.target.max()) == (0, 0)
    second = next(read)
    assert (second.input.max(), second.target.max()) == (1, 10)
    with pytest.raises(FileNotFoundError):
        next(read)


def test_examples_know_their_group(folders):
    read = read_examples(Recipe(task=Denoise()), pairing_of(PAIR, [("list", "list.csv")]))
    assert [(e.group, e.input.max()) for e in read] == [("rat c", 2), ("rat a", 0), ("rat b", 1)]


def test_examples_know_that_they_validate(folders):
    rows = "noisy,clean,split\nx/a.npz,y/a.npz,train\nx/b.npz,y/b.npz,validation\n"
    (folders / "list.csv").write_text(rows)
    read = read_examples(Recipe(task=Denoise()), pairing_of(PAIR, [("list", "list.csv")]))
    assert [example.for_validation for example in read] == [False, True]


def test_a_row_that_makes_no_example_is_named(folders):
    save(folders / "y" / "b.npz", cube_of(1, bands=7))
    read = read_examples(Recipe(task=Denoise()), pairing_of(PAIR, [("noisy", "x"), ("clean", "y")]))
    with pytest.raises(PairingError, match=r"x/b\.npz \+ y/b\.npz: .*same pixels and bands"):
        list(read)


def test_reading_can_be_stopped(folders):
    steps = []

    def watch(step):
        steps.append((step.done, step.total, step.note))
        if step.done >= 100:
            raise Stop

    pairing = pairing_of(PAIR, [("noisy", "x"), ("clean", "y")])
    with pytest.raises(Stop):
        list(read_examples(Recipe(task=Denoise()), pairing, watch))
    assert steps[0] == (0, 300, "x/a.npz")


def test_painted_labels_are_read_as_labels(here):
    ids = np.repeat([[1, 0, 2, 2, 1]], 4, axis=0).astype(np.uint8)
    save(here / "x" / "s.npz", cube_of(1))
    save(here / "y" / "s.npz", Labels(ids))
    pairing = pairing_of(PAINTED, [("cube", "x"), ("labels", "y")])
    (example,) = read_examples(Recipe(task=Segment()), pairing)
    np.testing.assert_array_equal(example.target[0, 0], ids)


def test_a_file_of_spectra_in_a_folder_of_a_class_is_spectra_of_that_class(here):
    for name, count in (("healthy", 3), ("ill", 5)):
        spectra = Cube(np.zeros((4, 1, count), np.float32), SpectralAxis.index(4))
        (here / "c" / name).mkdir(parents=True)
        write(here / "c" / name / "s.npz", spectra)
    pairing = pairing_of({"spectra": Cube, "labels": Labels}, [("classes", "c")])
    assert [list(row.files.values()) for row in pairing.rows] == [
        ["c/healthy/s.npz", "healthy"],
        ["c/ill/s.npz", "ill"],
    ]
    found = [images["labels"] for images in RowImages(pairing)]
    assert [(labels.classes, labels.data.tolist()) for labels in found] == [
        (("healthy",), [[1, 1, 1]]),
        (("ill",), [[1, 1, 1, 1, 1]]),
    ]
