"""What a module of io that reads or writes owes: exactly the functions of its protocol."""

import inspect
from importlib import import_module

import pytest

from napari_hyperspectral.io import FORMATS, Format, Reader, Writer
from napari_hyperspectral.io.formats import BRIDGE, FolderWriter, format_of, reader_of, writer_of

ALL = (*FORMATS, BRIDGE)
READABLE = [form for form in ALL if form.reader]
WRITABLE = [form for form in ALL if form.writer]
SNIFFED = [form for form in ALL if form.sniff]
FOLDERS = [form for form in WRITABLE if form.patterns_to("write")[0].endswith("/")]


def named(form):
    return form.name.replace(" ", "-")


def signature(function):
    return inspect.signature(function, eval_str=True)


def declared(protocol, name):
    """Return the signature of a function that a protocol declares, without `self`."""
    whole = signature(getattr(protocol, name))
    return whole.replace(parameters=list(whole.parameters.values())[1:])


@pytest.mark.parametrize("form", READABLE, ids=named)
def test_a_reader_has_exactly_the_signature_of_the_protocol(form):
    assert signature(reader_of(form).read_images) == declared(Reader, "read_images")


@pytest.mark.parametrize("form", WRITABLE, ids=named)
def test_a_writer_has_exactly_the_signature_of_the_protocol(form):
    assert signature(writer_of(form).write_image) == declared(Writer, "write_image")


@pytest.mark.parametrize("form", FOLDERS, ids=named)
def test_a_writer_of_folders_recognises_its_own(form):
    assert signature(writer_of(form).is_ours) == declared(FolderWriter, "is_ours")


@pytest.mark.parametrize("form", SNIFFED, ids=named)
def test_a_format_that_shares_its_suffix_is_recognised_by_a_function_of_its_reader(form):
    sniff = getattr(reader_of(form), form.sniff)
    assert signature(sniff) == declared(FolderWriter, "is_ours")  # (path: Path) -> bool


@pytest.mark.parametrize("form", SNIFFED, ids=named)
def test_recognising_a_file_never_raises(form, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("hello, this is no such file")
    (tmp_path / "zeros").write_bytes(bytes(3000))
    answers = [form.recognises(path) for path in (*tmp_path.iterdir(), tmp_path / "missing")]
    assert set(answers) <= {True, False}


def test_a_module_without_the_function_is_no_reader_and_no_writer():
    with pytest.raises(TypeError, match=r"io\.source has no read_images"):
        reader_of(Format("Nothing", (), reader="source"))
    with pytest.raises(TypeError, match=r"io\.source has no write_image"):
        writer_of(Format("Nothing", (), writer="source"))


def test_names_of_formats_are_unique_and_lead_to_them():
    for form in FORMATS:
        verb = "read" if form.reader else "write"
        assert format_of("scan.unknown", verb, form.name.lower()) is form


def test_what_is_listed_can_be_imported():
    for name in {*(form.reader for form in READABLE), *(form.writer for form in WRITABLE)}:
        import_module(f"napari_hyperspectral.io.{name}")
