"""TIFF: what programs write into it is read right, and what we write they read."""

import json
import sys
import threading
import tracemalloc
from dataclasses import replace

import numpy as np
import ome_types
import pytest
import tifffile

from napari_hyperspectral.axis import ChannelAxis, SpectralAxis
from napari_hyperspectral.cube import Cube, Labels, Sampling, describe
from napari_hyperspectral.io import (
    AmbiguousError,
    FileFormatError,
    MissingPackageError,
    read,
    read_labels,
    write,
)
from napari_hyperspectral.io.arrays.lazy import Lazy
from napari_hyperspectral.io.arrays.positional import Positional
from napari_hyperspectral.io.tiff.reader import is_geotiff, is_imagej


@pytest.fixture
def pages(rng):
    """Eight bands of which every number is another: (8, 5, 7)."""
    return rng.permutation(8 * 5 * 7).reshape(8, 5, 7).astype(np.uint16)


def wavelengths(count):
    return [400.5 + 10.1 * band**1.1 for band in range(count)]


def same(image, other):
    assert describe(image) == describe(other)
    assert image.data.dtype == other.data.dtype
    np.testing.assert_array_equal(np.asarray(image.data), np.asarray(other.data))


# what others write -------------------------------------------------------------------------


def test_the_pages_of_a_plain_stack_are_its_bands(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack", metadata=None)
    cube = read(tmp_path / "a.tif")
    assert cube.axis == SpectralAxis.index(8)
    assert cube.history == ("read a.tif",)
    np.testing.assert_array_equal(cube.data, pages)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_many_samples_of_a_pixel_are_bands(tmp_path, pages, compression):
    chunky = np.ascontiguousarray(pages.transpose(1, 2, 0))
    tifffile.imwrite(
        tmp_path / "a.tif",
        chunky,
        photometric="minisblack",
        planarconfig="contig",
        compression=compression,
    )
    np.testing.assert_array_equal(np.asarray(read(tmp_path / "a.tif").data), pages)


def test_a_colour_picture_has_three_channels_and_no_spectrum(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages[:3].transpose(1, 2, 0), photometric="rgb")
    cube = read(tmp_path / "a.tif")
    assert cube.axis == ChannelAxis(("red", "green", "blue"))
    np.testing.assert_array_equal(cube.data, pages[:3])


def test_imagej_labels_give_the_axis_and_its_resolution_the_pixels(tmp_path, pages):
    labels = [f"{value} nm" for value in wavelengths(8)]
    tifffile.imwrite(
        tmp_path / "a.tif",
        pages,
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "Labels": labels, "unit": "micron"},
    )
    cube = read(tmp_path / "a.tif")
    assert cube.axis == SpectralAxis(wavelengths(8), "nm")
    assert (cube.pixel_size, cube.pixel_unit) == ((0.5, 0.25), "um")
    assert cube.dims == ("band", "y", "x")


def test_an_imagej_stack_with_fewer_pages_than_it_promises_is_refused(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages, imagej=True)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole.replace(b"images=8", b"images=9"))
    with pytest.raises(FileFormatError, match="8 planes, but its metadata promise 9"):
        read(tmp_path / "a.tif")


def test_an_imagej_hyperstack_keeps_its_frames_and_slices(tmp_path, rng):
    data = rng.integers(0, 99, (2, 3, 6, 5, 7)).astype(np.uint16)
    meta = {"axes": "TZCYX", "spacing": 1.5, "unit": "um", "finterval": 2.5}
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(1, 1), metadata=meta)
    cube = read(tmp_path / "a.tif")
    assert (cube.t, cube.z) == (Sampling(2.5, 0.0, "s"), Sampling(1.5, 0.0, "um"))
    np.testing.assert_array_equal(cube.data, data)


def ome_file(path, data, **channel):
    meta = {"axes": "CYX", "Channel": channel, "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, data, photometric="minisblack", ome=True, metadata=meta)
    return path


def test_ome_emission_wavelengths_of_many_channels_are_a_spectrum(tmp_path, pages):
    path = ome_file(tmp_path / "a.ome.tif", pages, EmissionWavelength=wavelengths(8))
    cube = read(path)
    assert cube.axis == SpectralAxis(wavelengths(8), "nm")
    assert (cube.pixel_size, cube.pixel_unit) == ((0.5, 0.25), "um")


def test_ome_channel_names_with_wavenumbers_are_a_spectrum(tmp_path, pages):
    names = [f"{value} cm-1" for value in wavelengths(8)]
    axis = read(ome_file(tmp_path / "a.ome.tif", pages, Name=names)).axis
    assert axis == SpectralAxis(wavelengths(8), "1/cm", guessed=True)


def test_an_excitation_that_all_channels_share_is_kept(tmp_path, pages):
    about = {"EmissionWavelength": wavelengths(8), "ExcitationWavelength": [405.0] * 8}
    axis = read(ome_file(tmp_path / "a.ome.tif", pages, **about)).axis
    assert axis == SpectralAxis(wavelengths(8), "nm", excitation_nm=405.0)


def test_a_sweep_of_the_excitation_is_a_spectrum(tmp_path, pages):
    path = ome_file(tmp_path / "a.ome.tif", pages, ExcitationWavelength=wavelengths(8))
    assert read(path).axis == SpectralAxis(wavelengths(8), "nm")


def test_what_is_left_of_an_ome_set_is_refused_until_the_rest_is_there(tmp_path, pages):
    path = ome_file(tmp_path / "a.ome.tif", pages[:4])
    xml = tifffile.tiffcomment(path).replace('SizeC="4"', 'SizeC="8"')
    rest = (
        '<TiffData FirstC="4" IFD="0" PlaneCount="4"><UUID FileName="b.ome.tif">urn:uuid:%s</UUID>'
    )
    rest = rest % "00000000-0000-0000-0000-000000000001" + "</TiffData></Pixels>"
    tifffile.tiffcomment(path, xml.replace("</Pixels>", rest).encode())
    with pytest.raises(FileFormatError, match=r"a\.ome\.tif: .*(other files of the set|copy)"):
        read(path)


def test_dyes_are_channels_and_no_spectrum(tmp_path, pages):
    dyes = {"Name": ["DAPI", "GFP", "Cy5"], "EmissionWavelength": [461.0, 510.0, 670.0]}
    path = ome_file(tmp_path / "a.ome.tif", pages[:3], **dyes)
    assert read(path).axis == ChannelAxis(("DAPI", "GFP", "Cy5"))


def test_axes_of_ome_become_ours(tmp_path, rng):
    data = rng.integers(0, 99, (2, 6, 3, 5, 7)).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", data, photometric="minisblack", metadata={"axes": "TCZYX"}
    )
    cube = read(tmp_path / "a.ome.tif")
    assert cube.dims == ("t", "z", "band", "y", "x")
    np.testing.assert_array_equal(np.asarray(cube.data), data.transpose(0, 2, 1, 3, 4))


def test_gdal_tags_give_axis_widths_and_bad_bands(tmp_path, pages):
    items = [
        f'<Item name="wavelength" sample="{band}">{value!r}</Item>'
        f'<Item name="wavelength_units" sample="{band}">Micrometers</Item>'
        f'<Item name="fwhm" sample="{band}">0.01</Item>'
        f'<Item name="bbl" sample="{band}">{int(band != 2)}</Item>'
        for band, value in enumerate(np.array(wavelengths(8)).tolist())
    ]
    xml = f"<GDALMetadata>{''.join(items)}</GDALMetadata>"
    tifffile.imwrite(
        tmp_path / "a.tif",
        pages,
        photometric="minisblack",
        planarconfig="separate",
        metadata=None,
        extratags=[(42112, "s", 0, xml, True), (42113, "s", 0, "-9999", True)],
    )
    cube = read(tmp_path / "a.tif")
    widths, bad = np.full(8, 0.01), np.arange(8) == 2
    assert cube.axis == SpectralAxis(wavelengths(8), "um", widths=widths, bad=bad)
    assert cube.metadata["nodata"] == -9999
    np.testing.assert_array_equal(np.asarray(cube.data), pages)


def test_scale_offset_and_nodata_of_gdal_are_kept_and_not_applied(tmp_path, pages):
    items = "".join(
        f'<Item name="SCALE" sample="{band}" role="scale">0.0001</Item>'
        f'<Item name="OFFSET" sample="{band}" role="offset">{band}</Item>'
        for band in range(8)
    )
    xml = f"<GDALMetadata>{items}<Item name='sensor'>Tanager</Item></GDALMetadata>"
    tags = [(42112, "s", 0, xml, True), (42113, "s", 0, "-32768", True)]
    tifffile.imwrite(
        tmp_path / "a.tif", pages, photometric="minisblack", metadata=None, extratags=tags
    )
    cube = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(cube.data, pages)
    assert cube.metadata["scale"] == 0.0001
    assert cube.metadata["offset"] == list(range(8))
    assert cube.metadata["nodata"] == -32768
    assert cube.metadata["gdal"]["sensor"] == "Tanager"


def test_an_envi_header_pasted_into_the_description_is_read(tmp_path, pages):
    text = (
        f"camera\nwavelength units = nm\nwavelength = {{{', '.join(map(str, wavelengths(8)))}}}\n"
    )
    tifffile.imwrite(
        tmp_path / "a.tif", pages, photometric="minisblack", description=text, metadata=None
    )
    assert read(tmp_path / "a.tif").axis == SpectralAxis(wavelengths(8), "nm")


# companions, and what people state ------------------------------------------------------------


def test_a_hand_made_sidecar_gives_the_axis(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    axis = {"centres": wavelengths(8), "unit": "1/cm", "kind": "raman_shift"}
    (tmp_path / "a.json").write_text(json.dumps({"axis": axis}))
    assert read(tmp_path / "a.tif").axis == SpectralAxis(wavelengths(8), "1/cm", "raman_shift")


def test_a_sidecar_of_other_length_is_refused(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    (tmp_path / "a.json").write_text(json.dumps({"axis": {"centres": [1.0, 2.0]}}))
    with pytest.raises(FileFormatError, match=r"a\.json: it has 2 bands, a\.tif 8"):
        read(tmp_path / "a.tif")


def test_a_text_file_with_a_number_a_line_gives_the_axis(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    lines = ["Raman shift (cm-1)", *map(str, wavelengths(8))]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    assert read(tmp_path / "a.tif").axis == SpectralAxis(wavelengths(8), "1/cm", "raman_shift")


def test_a_person_can_say_which_axis_is_spectral(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    cube = read(tmp_path / "a.tif", axes="yxb")
    np.testing.assert_array_equal(cube.data, pages.transpose(2, 0, 1))
    with pytest.raises(FileFormatError, match=r"3 axes .* the layout 'xb' has 2"):
        read(tmp_path / "a.tif", axes="xb")


def test_planes_in_two_unnamed_rows_are_refused_until_somebody_says(tmp_path, rng):
    data = rng.integers(0, 9, (2, 3, 5, 7)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack")
    with pytest.raises(AmbiguousError, match=r"\(2, 3\).*axes="):
        read(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif", axes="tbyx").dims == ("t", "band", "y", "x")


def test_the_pages_of_a_label_stack_are_planes_in_z(tmp_path, pages):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    labels = read_labels(tmp_path / "a.tif")
    assert labels.dims == ("z", "y", "x")
    np.testing.assert_array_equal(labels.data, pages)


# laziness ----------------------------------------------------------------------------------


def test_opening_a_large_stack_loads_none_of_it(tmp_path, axis):
    path = tmp_path / "a.ome.tif"
    write(path, Cube(np.zeros((6, 1500, 1000), np.float32), axis))
    tracemalloc.start()
    cube = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6 < path.stat().st_size / 10
    assert isinstance(cube.data, Positional)


def test_compressed_pages_are_decoded_one_at_a_time_from_any_thread(tmp_path, rng):
    data = rng.integers(0, 9, (40, 30, 20)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", compression="zlib")
    cube = read(tmp_path / "a.tif")
    assert cube.data.chunksize == (1, 30, 20)
    found = {}
    threads = [
        threading.Thread(target=lambda k=k: found.update({k: np.asarray(cube.data[k])}))
        for k in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.stack([found[k] for k in range(40)]), data)


# damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["imagej", "ome", "plain", "compressed", "ours"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused_with_numbers(tmp_path, rng, kind, kept):
    data = rng.integers(0, 60000, (20, 30, 40)).astype(np.uint16)
    path = tmp_path / ("a.ome.tif" if kind in ("ome", "ours") else "a.tif")
    if kind == "ours":
        write(path, Cube(data, SpectralAxis.index(20)))
    else:
        about = {
            "imagej": {"imagej": True},
            "ome": {"metadata": {"axes": "CYX"}, "photometric": "minisblack"},
            "plain": {"metadata": None, "photometric": "minisblack"},
            "compressed": {
                "metadata": None,
                "photometric": "minisblack",
                "compression": "zlib",
            },
        }[kind]
        with tifffile.TiffWriter(path, imagej=about.pop("imagej", False)) as file:
            if kind in ("plain", "compressed"):
                for page in data:
                    file.write(page, **about)
            else:
                file.write(data, **about)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(FileFormatError, match=r"\d.*(cut short|copy)"):
        read(path)


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "an empty file"), (b"some text\n" * 9, "not a TIFF file")]
)
def test_what_is_no_tiff_is_refused(tmp_path, content, said):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(FileFormatError, match=rf"a\.tif: {said}"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("content", [b"", b"II", b"II*\0", b"II*\0\xff\xff\xff\xff", b"text" * 99])
def test_looking_for_the_dialect_of_a_damaged_file_never_fails(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    assert not is_imagej(tmp_path / "a.tif")
    assert not is_geotiff(tmp_path / "a.tif")


def test_a_compression_of_another_package_names_the_extra_that_brings_it(
    tmp_path, pages, monkeypatch
):
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack", compression="lzw")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingPackageError, match=r"imagecodecs: .*napari-hyperspectral\[tiff\]"):
        read(tmp_path / "a.tif")


# what we write -----------------------------------------------------------------------------


@pytest.mark.parametrize("narrow", [(6, 1, 9), (6, 9, 1), (6, 5, 3), (6, 5, 4), (6, 1, 1)])
@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif"])
@pytest.mark.parametrize("kind", [None, "TIFF stack"])
def test_images_of_any_shape_come_back(tmp_path, cube, rng, narrow, name, kind):
    image = cube.after("cropped", data=rng.normal(size=narrow).astype(np.float32))
    if kind is not None and "ome" in name:
        name = "b.tiff"
    write(tmp_path / name, image, format=kind)
    same(read(tmp_path / name), image)


def test_a_single_frame_of_a_single_slice_comes_back(tmp_path, axis, rng):
    data = rng.normal(size=(1, 1, 6, 5, 7)).astype(np.float32)
    image = Cube(data, axis, t=Sampling(2.0, 1.0, "s"), z=Sampling(0.5, 0.0, "um"))
    for name, kind in (("a.ome.tif", None), ("b.tif", None), ("c.tif", "TIFF stack")):
        write(tmp_path / name, image, format=kind)
        same(read(tmp_path / name), image)


def test_ome_types_reads_our_ome_xml(tmp_path, cube, stack):
    nm = SpectralAxis([400.25, 410.5, 423.125, 431.0, 450.0, 470.7], "nm", excitation_nm=355.0)
    write(tmp_path / "a.ome.tif", cube.after("changed the axis", axis=nm))
    pixels = ome_types.from_tiff(tmp_path / "a.ome.tif").images[0].pixels
    assert [c.emission_wavelength for c in pixels.channels] == nm.centres.tolist()
    assert {c.acquisition_mode.value for c in pixels.channels} == {"SpectralImaging"}
    assert (pixels.physical_size_y, pixels.physical_size_x) == cube.pixel_size
    assert pixels.physical_size_x_unit.value == "µm"
    write(tmp_path / "b.ome.tif", stack)
    ome = ome_types.from_tiff(tmp_path / "b.ome.tif", validate=True)
    pixels = ome.images[0].pixels
    assert pixels.channels[0].name == "500.1 cm-1"
    assert (pixels.size_t, pixels.size_z, pixels.size_c) == (2, 3, 6)
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as file:
        assert file.series[0].axes == "TZCYX"
        np.testing.assert_array_equal(file.series[0].asarray(), np.asarray(stack.data))


def test_ome_types_reads_the_classes_of_our_labels(tmp_path, labels):
    coloured = replace(labels, colours=("#ff8000", "#0080ff"))
    write(tmp_path / "a.ome.tif", coloured)
    ome = ome_types.from_tiff(tmp_path / "a.ome.tif", validate=True)
    (annotation,) = ome.structured_annotations.map_annotations
    pairs = {pair.k: pair.value for pair in annotation.value.ms}
    assert (pairs["1"], pairs["2"]) == ("nucleus #ff8000", "lipid droplet #0080ff")
    same(read_labels(tmp_path / "a.ome.tif"), coloured)


@pytest.mark.parametrize("kind", [None, "TIFF stack", "TIFF folder"])
def test_colours_of_classes_come_back(tmp_path, labels, kind):
    coloured = replace(labels, colours=("#ff8000", "#0080ff"), data=labels.data.astype(np.uint8))
    name = "scan" if kind == "TIFF folder" else "a.tif"
    write(tmp_path / name, coloured, format=kind)
    same(read_labels(tmp_path / name), coloured)


def test_tifffile_reads_our_imagej_stacks(tmp_path, cube):
    write(tmp_path / "a.tif", cube)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        meta, series = file.imagej_metadata, file.series[0]
        assert meta["Labels"][0] == "500.1 cm-1"
        assert (meta["slices"], meta["unit"]) == (6, "um")
        np.testing.assert_array_equal(series.asarray(), cube.data)


def test_tifffile_reads_our_plain_stacks(tmp_path, stack):
    write(tmp_path / "a.tif", stack, format="TIFF stack")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), np.asarray(stack.data))
    assert json.loads((tmp_path / "a.json").read_text())["layout"] == "tzbyx"


@pytest.mark.parametrize(
    ("name", "dtype", "remedy"),
    [
        ("a.tif", "int16", "TIFF stack"),
        ("a.tif", "float64", r"\.ome\.tif"),
        ("a.ome.tif", "int64", r"\.zarr"),
        ("a.ome.tif", "bool", "convert"),
        ("a.ome.tif", "float16", "convert"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_stays(
    tmp_path, axis, name, dtype, remedy
):
    with pytest.raises(FileFormatError, match=rf"cannot hold {dtype}.*{remedy}"):
        write(tmp_path / name, Cube(np.ones((6, 2, 3), dtype), axis))
    assert not list(tmp_path.iterdir())


def test_after_another_program_has_cropped_a_stack_its_labels_still_tell(tmp_path, cube):
    write(tmp_path / "a.tif", cube)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        meta = file.imagej_metadata
    kept = {"axes": "ZYX", "Info": meta["Info"], "Labels": meta["Labels"][1:]}
    tifffile.imwrite(tmp_path / "b.tif", np.asarray(cube.data)[1:], imagej=True, metadata=kept)
    np.testing.assert_array_equal(read(tmp_path / "b.tif").axis.centres, cube.axis.centres[1:])


# folders -----------------------------------------------------------------------------------


def test_a_folder_of_bands_comes_back(tmp_path, cube, stack):
    for image in (cube, stack, Labels(np.arange(6).reshape(2, 3), ("a", "b"))):
        write(tmp_path / "scan", image, format="TIFF folder", overwrite=True)
        if isinstance(image, Labels):
            same(read_labels(tmp_path / "scan"), image)
        else:
            same(read(tmp_path / "scan"), image)
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_holds_other_things_is_never_replaced(tmp_path, cube):
    write(tmp_path / "scan", cube, format="TIFF folder")
    (tmp_path / "scan" / "diary.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="scan holds other things"):
        write(tmp_path / "scan", cube, format="TIFF folder", overwrite=True)
    assert (tmp_path / "scan" / "diary.txt").read_text() == "mine"


def test_names_of_files_give_order_and_wavelengths(tmp_path, pages):
    for nm, page in zip(range(950, 1110, 20), pages, strict=True):
        tifffile.imwrite(tmp_path / f"leaf_{nm}nm.tif", page)
    cube = read(tmp_path)
    assert cube.axis == SpectralAxis(np.arange(950, 1110, 20), "nm", guessed=True)
    np.testing.assert_array_equal(np.asarray(cube.data), pages)


def test_a_folder_of_many_files_is_read_when_it_is_looked_at(tmp_path, rng):
    bands = rng.integers(0, 999, (140, 3, 4)).astype(np.uint16)
    for number, band in enumerate(bands):
        tifffile.imwrite(tmp_path / f"img_{400 + 5 * number}nm.tif", band)
    cube = read(tmp_path)
    assert isinstance(cube.data, Lazy)
    assert cube.axis.centres.tolist() == [400 + 5 * number for number in range(140)]
    np.testing.assert_array_equal(np.asarray(cube.data[:, 1, 2]), bands[:, 1, 2])
    np.testing.assert_array_equal(np.asarray(cube.data[::-20, 1:]), bands[::-20, 1:])


@pytest.mark.filterwarnings("error")
def test_a_file_of_wavelengths_in_a_folder_of_bands_is_their_axis(tmp_path, pages):
    for number, page in enumerate(pages):
        tifffile.imwrite(tmp_path / f"frame {number}.tif", page)
    about = {"tuned_beam": "stokes", "fixed_beam_nm": 800, "tuned_min_nm": 990, "tuned_step_nm": 5}
    (tmp_path / "wavelength.json").write_text(json.dumps(about))
    axis = read(tmp_path).axis
    assert (len(axis), axis.kind, axis.excitation_nm) == (8, "raman_shift", 800)
    assert axis.centres[0] == pytest.approx(1e7 * (1 / 800 - 1 / 990))


def test_labels_are_no_band_of_a_folder(tmp_path, labels, pages):
    tifffile.imwrite(tmp_path / "1.tif", pages[0])
    write(tmp_path / "2.tif", replace(labels, data=labels.data.astype(np.uint8)))
    with pytest.raises(FileFormatError, match=r"2\.tif: labels, no band of a cube"):
        read(tmp_path)


def test_files_of_a_folder_can_be_planes_of_a_stack(tmp_path, pages):
    for number, page in enumerate(pages):
        tifffile.imwrite(tmp_path / f"{number}.tif", page)
    cube = read(tmp_path, axes="zyx")
    assert cube.dims == ("z", "band", "y", "x")
    np.testing.assert_array_equal(np.asarray(cube.data)[:, 0], pages)


def test_folders_without_bands_are_refused(tmp_path, pages):
    with pytest.raises(FileFormatError, match="no TIFF files in it"):
        read(tmp_path)
    tifffile.imwrite(tmp_path / "1.tif", pages[0])
    tifffile.imwrite(tmp_path / "2.tif", pages[1, :3])
    with pytest.raises(FileFormatError, match=r"2\.tif.*\(1, 3, 7\).*must be alike"):
        read(tmp_path)


# real files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "geotiff/enmap_potsdam_tile_128_0.tif",
        "tiff/tiff_stack.tif",
        "ome_tiff/multi-channel.ome.tif",
    ],
)
def test_real_files_read_as_the_reference_libraries_read_them(data_folder, name):
    folder = data_folder / "formats"
    (expected,) = json.loads((folder / "expected.json").read_text())[name]
    cube = read(folder / name)
    y, x, bands = expected["shape_yxs"]
    data = np.asarray(cube.data, np.float64)
    assert data.shape == (bands, y, x)
    assert np.dtype(cube.data.dtype).name == expected["dtype"]
    assert data.mean() == pytest.approx(expected["mean"])
    for probe in expected["probes"]:
        row, column, band = probe["index"]
        assert data[band, row, column] == probe["value"]
    assert cube.axis.unit == expected["axis_unit"]
    if expected["axis_first"] is None:
        assert cube.axis == SpectralAxis.index(bands)
    else:
        assert cube.axis.centres[[0, -1]].tolist() == [
            expected["axis_first"],
            expected["axis_last"],
        ]
        assert cube.axis.widths[0] == expected["fwhm_first"]
        assert cube.axis.bad.sum() == expected["n_bad_bands"]
        assert (list(cube.pixel_size), cube.pixel_unit) == (expected["pixel_size"], "m")
