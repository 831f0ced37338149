"""Wavelengths are found where GDAL, EnMAP and people keep them."""

import numpy as np
import pytest
import tifffile

from napari_hyperspectral.axis import SpectralAxis
from napari_hyperspectral.io import read

BANDS = np.arange(5 * 3 * 4, dtype=np.int16).reshape(5, 3, 4)
CENTRES = [400.0, 450.5, 500.0, 620.0, 700.25]
LISTED = "{" + ", ".join(map(str, CENTRES)) + "}"


def gdal(path, *items):
    xml = f"<GDALMetadata>{''.join(items)}</GDALMetadata>"
    tags = [(42112, 2, 0, xml, True)] if items else []
    tifffile.imwrite(path, BANDS, photometric="minisblack", planarconfig="separate", extratags=tags)
    return path


def item(name, text, **attributes):
    stated = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<Item name="{name}"{stated}>{text}</Item>'


@pytest.mark.parametrize(
    "items",
    [
        [item("wavelength", LISTED, domain="ENVI"), item("wavelength_units", "Nanometers", domain="ENVI")],
        [item("wavelengths", LISTED), item("wavelength_units", "nm")],
        [item(f"Band_{n}", f"{c} Nanometers") for n, c in enumerate(CENTRES, 1)],
        [item("DESCRIPTION", f"{c:.2f} Nanometers", sample=n, role="description") for n, c in enumerate(CENTRES)],
        [item("DESCRIPTION", f"Band {n + 1} ({c} nm)", sample=n, role="description") for n, c in enumerate(CENTRES)],
        [item("wavelength", f"{c} nm", sample=n, domain="ENVI") for n, c in enumerate(CENTRES)],
        [item("wavelength", c, sample=n) for n, c in enumerate(CENTRES)] + [item("wavelength_units", "Nanometers")],
        [item("CENTRAL_WAVELENGTH_UM", c / 1000, sample=n, domain="IMAGERY") for n, c in enumerate(CENTRES)],
    ],
)  # fmt: skip
def test_each_place_of_gdal_in_a_tiff_file_gives_the_axis(tmp_path, items):
    axis = read(gdal(tmp_path / "a.tif", *items)).axis
    factor = 1000 if axis.unit == "um" else 1
    assert (axis.unit, axis.guessed) in (("nm", False), ("um", False))
    assert np.allclose(axis.centres * factor, CENTRES)


def test_widths_and_bad_bands_come_with_the_list_of_the_envi_domain(tmp_path):
    texts = {
        "wavelength": LISTED,
        "wavelength_units": "nm",
        "fwhm": "{1,2,3,4,5}",
        "bbl": "{1,1,0,1,1}",
    }
    path = gdal(tmp_path / "a.tif", *(item(k, v, domain="ENVI") for k, v in texts.items()))
    expected = SpectralAxis(CENTRES, "nm", widths=[1, 2, 3, 4, 5], bad=np.arange(5) == 2)
    assert read(path).axis == expected


def band_of_aux(number, centre, form):
    if form == "description":
        return f'<PAMRasterBand band="{number}"><Description>{centre} Nanometers</Description></PAMRasterBand>'
    items = f'<MDI key="wavelength">{centre}</MDI><MDI key="wavelength_units">Nanometers</MDI>'
    return f'<PAMRasterBand band="{number}"><Metadata>{items}</Metadata></PAMRasterBand>'


@pytest.mark.parametrize("form", ["description", "items", "domain"])
def test_the_aux_xml_beside_a_tiff_file_gives_the_axis(tmp_path, form):
    path = gdal(tmp_path / "a.tif")
    if form == "domain":
        items = f'<MDI key="wavelength">{LISTED}</MDI><MDI key="wavelength_units">Nanometers</MDI>'
        inside = f'<Metadata domain="ENVI">{items}</Metadata>'
    else:
        inside = "".join(band_of_aux(n, c, form) for n, c in enumerate(CENTRES, 1))
    (tmp_path / "a.tif.aux.xml").write_text(f"<PAMDataset>{inside}</PAMDataset>")
    assert read(path).axis == SpectralAxis(CENTRES, "nm")


def characterisation(centres):
    bands = "".join(
        f'<bandID number="{n}"><wavelengthCenterOfBand>{c}</wavelengthCenterOfBand>'
        f"<FWHMOfBand>{n + 6}</FWHMOfBand></bandID>"
        for n, c in enumerate(centres, 1)
    )
    channels = "<swirProductQuality><expectedChannelsList>3,4,5,6,7</expectedChannelsList></swirProductQuality>"
    return f"<level_X><specific><bandCharacterisation>{bands}</bandCharacterisation></specific>{channels}</level_X>"


@pytest.mark.parametrize(
    ("image", "metadata"),
    [
        ("ENMAP01-L2A-SPECTRAL_IMAGE.TIF", "ENMAP01-L2A-METADATA.XML"),
        ("DESIS-HSI-L2A-SPECTRAL_IMAGE.tif", "DESIS-HSI-L2A-METADATA.xml"),
    ],
)
def test_metadata_beside_an_image_of_enmap_give_its_axis(tmp_path, image, metadata):
    (tmp_path / metadata).write_text(characterisation(CENTRES))
    axis = read(gdal(tmp_path / image)).axis
    assert axis == SpectralAxis(CENTRES, "nm", widths=[7, 8, 9, 10, 11])


def test_a_detector_of_enmap_has_the_bands_of_its_channels(tmp_path):
    centres = [390.0, 395.0, *CENTRES]
    (tmp_path / "ENMAP01-L1B-METADATA.XML").write_text(characterisation(centres))
    axis = read(gdal(tmp_path / "ENMAP01-L1B-SPECTRAL_IMAGE_SWIR.TIF")).axis
    assert axis.centres.tolist() == CENTRES


def envi(path, *lines):
    header = ["ENVI", "samples = 4", "lines = 3", "bands = 5", "data type = 2", "interleave = bsq"]
    path.with_suffix(".img").write_bytes(BANDS.tobytes())
    path.write_text("\n".join([*header, "byte order = 0", *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    "lines",
    [
        [f"wavelengths = {LISTED}", "wavelength units = Nanometers"],
        [f"Wavelengths = {LISTED}", "wavelength_units = Nanometers"],
        ["band names = {" + ", ".join(f"{c} Nanometers" for c in CENTRES) + "}"],
        ["band_names = {" + ", ".join(f"Band {n} ({c} nm)" for n, c in enumerate(CENTRES)) + "}"],
    ],
)
def test_other_spellings_of_envi_keys_give_the_axis(tmp_path, lines):
    assert read(envi(tmp_path / "a.hdr", *lines)).axis == SpectralAxis(CENTRES, "nm")


@pytest.mark.parametrize("label", ["stack_{}nm.tif", "{} nm", "scan_{}.tif", "img-{}"])
def test_slice_labels_give_the_axis(tmp_path, label):
    labels = [label.format(int(c)) for c in CENTRES]
    tifffile.imwrite(
        tmp_path / "a.tif", BANDS, imagej=True, metadata={"axes": "ZYX", "Labels": labels}
    )
    axis = read(tmp_path / "a.tif").axis
    assert (axis.unit, axis.centres.tolist()) == ("nm", [400, 450, 500, 620, 700])


@pytest.mark.parametrize(
    "name",
    [
        "stack_{:.0f}nm.tif",
        "scan_{:.0f}.tif",
        "leaf1 {:.0f} nm.tif",
        "{:.2f}.tif",
        "R-{:.0f}-a.tif",
    ],
)
@pytest.mark.parametrize("count", [3, 5])
def test_names_of_the_files_of_a_folder_give_the_axis(tmp_path, name, count):
    for centre, band in zip(CENTRES[:count], BANDS, strict=False):
        tifffile.imwrite(tmp_path / name.format(centre), band)
    cube = read(tmp_path)
    assert (cube.axis.unit, cube.axis.guessed) == ("nm", True)
    assert np.allclose(cube.axis.centres, CENTRES[:count], atol=0.5)
    assert np.array_equal(np.asarray(cube.data), BANDS[:count])


@pytest.mark.parametrize("name", ["scan_{}.tif", "IMG_0{}.tif", "IMG_1{}.tif"])
def test_numbers_that_only_count_are_no_wavelengths(tmp_path, name):
    for number, band in enumerate(BANDS):
        tifffile.imwrite(tmp_path / name.format(401 + number), band)
    assert read(tmp_path).axis == SpectralAxis.index(5)


@pytest.mark.parametrize(
    "lines",
    [
        "wavelength = {400 nm, 500 nm, 600 nm}",
        "band names = {B1 (0.4 um), B2 (0.5 um), B3 (0.6 um)}",
        "band names = {centre wavelength 400 nm, centre wavelength 500 nm, centre wavelength 600 nm}",
    ],
)
def test_few_bands_with_a_unit_each_are_a_spectrum(tmp_path, lines):
    (tmp_path / "a.img").write_bytes(bytes(3 * 2 * 2))
    size = "samples = 2\nlines = 2\nbands = 3\ndata type = 1\ninterleave = bsq\n"
    (tmp_path / "a.hdr").write_text(f"ENVI\n{size}{lines}\n")
    axis = read(tmp_path / "a.hdr").axis
    assert np.allclose(axis.centres * (1000 if axis.unit == "um" else 1), [400, 500, 600])
    assert not axis.guessed


def test_dyes_with_their_wavelengths_are_no_spectrum(tmp_path):
    labels = ["DAPI (461 nm)", "GFP (509 nm)", "Cy5 (670 nm)"]
    metadata = {"Labels": labels, "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "a.tif", BANDS[:3].astype("u2"), imagej=True, metadata=metadata)
    assert getattr(read(tmp_path / "a.tif").axis, "unit", None) is None
