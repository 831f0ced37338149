"""A unit that a file states is never replaced by a guess; one that is not known is kept and told."""

import json

import h5py
import numpy as np
import pytest
import zarr

from napari_hyperspectral import read, write
from napari_hyperspectral.axis import SpectralAxis, axis_from_json, axis_to_json
from napari_hyperspectral.io.metadata.axes import axis_from_names
from napari_hyperspectral.io.metadata.axis_file import read_axis
from napari_hyperspectral.io.metadata.named_arrays import axis_from_vector
from napari_hyperspectral.io.metadata.units import length_unit, quantity_in, spectral_unit

TRUTH = np.arange(3 * 5 * 4, dtype=np.float32).reshape(3, 5, 4)  # (band, y, x)
CENTRES = [4000.0, 5000.0, 6500.0]  # a guess would say nm


def nexus(path, unit):
    with h5py.File(path, "w") as file:
        group = file.create_group("entry")
        group.attrs.update(NX_class="NXdata", signal="data", axes=["wavelength", "y", "x"])
        group["data"] = TRUTH
        group["wavelength"] = CENTRES
        group["wavelength"].attrs["units"] = unit


def plain_hdf5(path, unit):
    with h5py.File(path, "w") as file:
        file["data"] = TRUTH
        file["wavelength"] = CENTRES
        file["wavelength"].attrs["units"] = unit


def netcdf(path, unit):
    with h5py.File(path, "w") as file:
        file["data"] = TRUTH
        for place, (name, size) in enumerate({"wavelength": 3, "y": 5, "x": 4}.items()):
            file[name] = CENTRES if place == 0 else np.arange(float(size))
            file[name].make_scale(name)
            file["data"].dims[place].attach_scale(file[name])
        file["wavelength"].attrs["units"] = unit


def envi(path, unit):
    TRUTH.tofile(path.with_suffix(".img"))
    header = ["ENVI", "samples = 4", "lines = 5", "bands = 3", "data type = 4"]
    header += ["interleave = bsq", f"wavelength units = {unit}"]
    header += [f"wavelength = {{{', '.join(map(str, CENTRES))}}}"]
    path.write_text("\n".join(header))


def xarray_zarr(path, unit):
    group = zarr.open_group(path, mode="w", zarr_format=3)
    for name, values in {"data": TRUTH, "wavelength": np.array(CENTRES)}.items():
        names = ["wavelength", "y", "x"] if name == "data" else [name]
        array = group.create_array(
            name, shape=values.shape, dtype=values.dtype, dimension_names=names
        )
        array[...] = values
    group["wavelength"].attrs["units"] = unit


def sidecar(path, unit):
    np.save(path, TRUTH)
    axis = {"centres": CENTRES, "unit": unit, "kind": "wavelength"}
    path.with_suffix(".json").write_text(json.dumps({"axis": axis, "layout": "byx"}))


def table(path, unit):
    titles = f"Wavelength ({unit}),a,b\n"
    rows = [f"{centre},{n},{n + 1}\n" for n, centre in enumerate(CENTRES)]
    path.write_text(titles + "".join(rows), encoding="utf-8")


WRITERS = {
    "a.nxs": nexus,
    "a.h5": plain_hdf5,
    "a.nc": netcdf,
    "a.hdr": envi,
    "a.zarr": xarray_zarr,
    "a.npy": sidecar,
    "a.csv": table,
}


@pytest.mark.parametrize(("name", "written"), WRITERS.items(), ids=WRITERS)
def test_angstroms_are_no_nanometres(tmp_path, name, written):
    written(tmp_path / name, "Å")
    axis = read(tmp_path / name).spectral_axis
    assert axis.centres == pytest.approx([400, 500, 650])
    assert (axis.unit, axis.kind, axis.guessed) == ("nm", "wavelength", False)


@pytest.mark.parametrize(("name", "written"), WRITERS.items(), ids=WRITERS)
def test_an_unknown_unit_is_kept_and_told_and_no_guess_replaces_it(tmp_path, name, written):
    written(tmp_path / name, "furlongs")
    with pytest.warns(UserWarning, match="'furlongs', which is no unit of spectra that is known"):
        axis = read(tmp_path / name).spectral_axis
    assert axis.centres.tolist() == CENTRES
    assert (axis.unit, axis.kind, axis.other_unit) == (None, "wavelength", "furlongs")
    assert axis.title == "Wavelength (furlongs)"


def test_an_unknown_unit_comes_back_after_writing(tmp_path):
    plain_hdf5(tmp_path / "a.h5", "furlongs")
    with pytest.warns(UserWarning, match="furlongs"):
        cube = read(tmp_path / "a.h5")
    write(tmp_path / "b.ome.tif", cube)
    assert read(tmp_path / "b.ome.tif").axis == cube.axis


@pytest.mark.parametrize(
    ("text", "unit", "factor"),
    [
        *(
            (text, "nm", 0.1)
            for text in ("Å", "\u212b", "A\u030a", "Ångström", "angstroms", "&Aring;")
        ),
        *((text, "THz", 1e-3) for text in ("GHz", "gigahertz", "[GHz]", "Frequency / GHz")),
        *(
            (text, "1/cm", 1e-2)
            for text in ("m-1", "m^-1", "1/m", "m⁻¹", "m**-1", "$m^{-1}$", "per metre", "m\u22121")
        ),
        *(
            (text, "1/cm", 1)
            for text in ("cm^-1", "cm^(-1)", "cm**-1", "cm−1", "inverse cm", "cm.-1", "kayser")
        ),
        *(
            (text, "um", 1)
            for text in (
                r"\u03BCm",
                r"\u00b5m",
                r"\xb5m",
                "Âµm",
                "Î¼m",
                "&micro;m",
                r"$\mu$m",
                r"\mu m",
            )
        ),
        *(
            (text, "nm", 1)
            for text in ("Nanometer", '"nm"', "'nm'", "('nm',)", "b'nm'", "['nm', 'nm']", "<nm>")
        ),
        *(
            (text, "nm", 1)
            for text in ("Wavelength, nm", "wavelength_nm", "Wavelength / nm", "nm\0")
        ),
        ("pm", "nm", 1e-3),
        ("MeV", "eV", 1e6),
        ("meV", "eV", 1e-3),
        ("KEV", "eV", 1e3),
        ("Hz", "THz", 1e-12),
    ],
)
def test_a_unit_is_known_however_people_write_it(text, unit, factor):
    found = spectral_unit(text)
    assert (found.unit, found.factor) == (unit, pytest.approx(factor))


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        (r"\u03BCm", "um"),
        ('"µm"', "um"),
        ("('um',)", "um"),
        ("Nanometer", "nm"),
        ("degrees_north", "deg"),
        ("degree_east", "deg"),
        ("°", "deg"),
        ("km", "km"),
        ("milliseconds", "ms"),
        ("furlong", "furlong"),
    ],
)
def test_lengths_are_known_however_people_write_them(text, symbol):
    assert length_unit(text) == symbol


@pytest.mark.parametrize(
    ("name", "number", "unit"),
    [
        ("4000 Å", 4000, "nm"),
        ("400.00 Nanometers", 400, "nm"),
        ("stack_5.5µm", 5.5, "um"),
        ("100000 m-1", 1e5, "1/cm"),
        ("290 GHz", 290, "THz"),
        ("2 MeV", 2, "eV"),
    ],
)
def test_names_have_numbers_in_any_unit(name, number, unit):
    found, spectral = quantity_in(name)
    assert (found, spectral.unit) == (number, unit)


@pytest.mark.parametrize("name", ["5 m", "Band 5", "T=300 K", "DAPI", "3 min"])
def test_what_is_no_spectral_quantity_in_a_name_is_not_taken_for_one(name):
    assert quantity_in(name) is None


def test_names_of_bands_in_angstroms_are_a_spectrum():
    axis = axis_from_names([f"{centre} Å" for centre in range(4000, 7000, 500)])
    assert axis.centres[0] == pytest.approx(400)
    assert axis.unit == "nm"


@pytest.mark.parametrize(
    ("name", "first", "unit"),
    [
        ("wavelength_angstrom", 400, "nm"),
        ("freq_GHz", 4, "THz"),
        ("wl_nm", 4000, "nm"),
        ("energy_keV", 4e6, "eV"),
        ("entry/wavenumber (1/m)", 40, "1/cm"),
    ],
)
def test_the_unit_in_the_name_of_a_vector_is_no_guess(name, first, unit):
    axis = axis_from_vector(name, np.array(CENTRES))
    assert axis.centres[0] == pytest.approx(first)
    assert (axis.unit, axis.guessed) == (unit, False)


def test_an_axis_file_keeps_a_unit_that_is_not_known(tmp_path):
    (tmp_path / "a.txt").write_text("Wavelength (furlongs)\n4000\n5000\n")
    (tmp_path / "a.json").write_text(json.dumps({"wavelength": CENTRES, "unit": "furlongs"}))
    for name in ("a.txt", "a.json"):
        with pytest.warns(UserWarning, match="furlongs"):
            assert read_axis(tmp_path / name).other_unit == "furlongs"


def test_a_unit_of_ours_settles_what_the_other_one_was():
    axis = SpectralAxis(CENTRES, None, "wavelength", other_unit="furlongs")
    assert axis_from_json(axis_to_json(axis)) == axis
    assert not axis.same_bands(SpectralAxis(CENTRES, None, "wavelength"))
    assert SpectralAxis(CENTRES, "nm", other_unit="furlongs").other_unit is None


@pytest.mark.parametrize("key", ["#Range (nm)=\t425...625\n", "#Spectro (nm)=\t500\n"])
def test_the_range_of_a_labspec_map_has_its_unit(tmp_path, key):
    header = f"#Acq. time (s)=\t2\n{key}#AxisType[0]=\tIntens\n#AxisUnit[0]=\tCnt\n"
    rows = "\t\t500.5\t501.5\n" + "".join(f"{y}\t{x}\t1\t2\n" for y in (0, 1) for x in (0, 1))
    (tmp_path / "map.txt").write_text(header + rows)
    axis = read(tmp_path / "map.txt").spectral_axis
    assert (axis.unit, axis.kind, axis.guessed) == ("nm", "wavelength", False)
