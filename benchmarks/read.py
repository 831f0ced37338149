"""How long it takes to open a cube, a band, a spectrum and a region of it, against other programs.

    python benchmarks/read.py [--megabytes 512] [--folder DIR] [--format NAME …]
    python benchmarks/read.py --file scan.wdf …

A cube of random numbers is written in each format and layout. Before each look its pages are put
out of memory (`posix_fadvise`), so that it comes from the disk; "again" is the same look with the
pages still there. Each figure is the middle one of three, in milliseconds; the ratio is that of the
reference to ours: 10 means that we take a tenth of the time; the last column is that of the times of
the processor, of a look at pages in memory. To open is measured in a process of
its own, above the imports. With `--file`, files that an instrument wrote are looked at instead.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_hyperspectral import Cube, SpectralAxis, read_all, write

SIDE, BAND = 512, 7
ALL = slice(None)
REGION = slice(SIDE // 2, SIDE // 2 + 32)
BOX = (ALL, REGION, REGION)
POINT = (ALL, SIDE // 2, SIDE // 2)
Looks = dict[str, Callable[[Any], object]]

OURS: Looks = {
    "one band": lambda cube: np.array(cube.data[..., min(BAND, len(cube.axis) - 1), :, :]),
    "one spectrum": lambda cube: np.array(cube.data[middle(cube, 1)]),
    "mean of 32 × 32": lambda cube: np.asarray(cube.data[middle(cube, 32)]).mean((-2, -1)),
    "whole cube": lambda cube: np.array(cube.data),
}


def middle(cube: Cube, side: int) -> tuple[Any, ...]:
    """Return where a square of pixels lies, in the middle of a cube."""
    starts = [min(size // 2, max(0, size - side)) for size in cube.shape[-2:]]
    return (..., *(slice(start, start + side) for start in starts))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--megabytes", type=int, default=512)
    options.add_argument("--folder", type=Path, help="on the disk to be measured")
    options.add_argument("--format", action="append", choices=list(CASES))
    options.add_argument("--file", action="append", type=Path)
    chosen = options.parse_args()
    if chosen.file:
        print("| file | look | here | | | |\n|---|---|---|---|---|---|")
        for path in chosen.file:
            for row in rows(path.name, path, Case()):
                print("| " + " | ".join(row) + " |", flush=True)
        return
    bands = max(8, chosen.megabytes * 2**20 // (SIDE * SIDE * 4))
    print(f"{bands} × {SIDE} × {SIDE} float32; cold (again), ms\n")
    print(
        "| format | look | here | reference | ratio | of the processor |\n|---|---|---|---|---|---|"
    )
    for name in chosen.format or CASES:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            path = CASES[name].write(Path(folder), bands)
            for row in rows(name, path, CASES[name]):
                print("| " + " | ".join(row) + " |", flush=True)


def rows(name: str, path: Path, case: Case) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table for one file."""
    there = case.reference() if case.reference is not None else None
    theirs = None if there is None else opening(case.opens, path)
    yield row(name, "open", (opening(OPENS, path), None, None), theirs and (theirs, None, None))
    for look, take in OURS.items():
        here = timed(path, first_image, take)
        yield row(
            name, look, here, None if there is None else timed(path, there[0], there[1][look])
        )


def first_image(path: Path) -> Any:
    return read_all(path, on_guess=str)[0]


def row(name: str, look: str, here: Any, there: Any) -> tuple[str, ...]:
    ratios = ("", "")
    if there:
        processor = "" if here[2] is None else f"{there[2] / max(here[2], 1e-3):.2f}"
        ratios = (f"{there[0] / here[0]:.2f}", processor)
    return name, look, milliseconds(here), milliseconds(there) if there else "", *ratios


def milliseconds(times: tuple[float, float | None, float | None]) -> str:
    cold, again, _ = times
    return f"{cold:.1f}" + ("" if again is None else f" ({again:.1f})")


def timed(path: Path, opened: Callable[[Path], Any], take: Callable[[Any], object]) -> Any:
    """Return milliseconds of a look: from the disk, from memory, and the latter's processor time."""
    cold, again, processor = [], [], []
    for _ in range(3):
        evict(path)
        cube = opened(path)
        for times in (cold, again):
            start = time.perf_counter()
            used = time.process_time()
            take(cube)
            times.append(1e3 * (time.perf_counter() - start))
        processor.append(1e3 * (time.process_time() - used))
        del cube
    return statistics.median(cold), statistics.median(again), min(processor)


def evict(path: Path) -> None:
    """Put the pages of all files of a cube out of memory."""
    files = path.rglob("*") if path.is_dir() else path.parent.iterdir()
    for file in files:
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


OPENS = (
    "import dask.array, h5py, scipy.io, tifffile, zarr; from napari_hyperspectral.io import read_all",
    "read_all(PATH, on_guess=str)",
)


def opening(code: tuple[str, str], path: Path) -> float:
    """Return milliseconds that opening takes above the imports, in a fresh process."""
    imports, call = code
    evict(path)
    program = (
        f"import json, time; {imports}\nPATH = {str(path)!r}\nstart = time.perf_counter()\n"
        f"cube = {call}\nprint(json.dumps(1e3 * (time.perf_counter() - start)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(json.loads(run.stdout.splitlines()[-1]))


def written(folder: Path, bands: int, name: str, format_name: str | None = None) -> Path:
    chance = np.random.default_rng(0)
    data = chance.random((bands, SIDE, SIDE), dtype=np.float32)
    axis = SpectralAxis(np.linspace(400, 2500, bands), "nm")
    return write(folder / name, Cube(data, axis), format=format_name)


def envi(interleave: str) -> Callable[[Path, int], Path]:
    """Return what writes an ENVI file of an interleave, which our writer leaves to others."""

    def write_envi(folder: Path, bands: int) -> Path:
        path = written(folder, bands, "cube.hdr")
        order = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}[interleave]
        data = np.memmap(path.with_suffix(".img"), "<f4", "r", 0, (bands, SIDE, SIDE))
        np.ascontiguousarray(data.transpose(order)).tofile(folder / "turned")
        (folder / "turned").replace(path.with_suffix(".img"))
        path.write_text(path.read_text().replace("interleave = bsq", f"interleave = {interleave}"))
        return path

    return write_envi


def simple(name: str, format_name: str | None = None) -> Callable[[Path, int], Path]:
    return lambda folder, bands: written(folder, bands, name, format_name)


class Case:
    """A format: how it is written, and who else reads it."""

    def __init__(
        self,
        write: Callable[[Path, int], Path] | None = None,
        reference: Callable[[], Any] | None = None,
        opens: tuple[str, str] = ("", ""),
    ) -> None:
        self.write, self.reference, self.opens = write, reference, opens


def of_array(opened: Callable[[Path], Any]) -> Any:
    """Return a reference whose data are an array (band, y, x)."""
    return opened, {
        "one band": lambda data: np.array(data[BAND]),
        "one spectrum": lambda data: np.array(data[POINT]),
        "mean of 32 × 32": lambda data: np.asarray(data[BOX]).mean((1, 2)),
        "whole cube": lambda data: np.array(data[:]),
    }


def spy() -> Any:
    import spectral

    return spectral.envi.open, {
        "one band": lambda cube: cube.read_band(BAND),
        "one spectrum": lambda cube: cube.read_pixel(SIDE // 2, SIDE // 2),
        "mean of 32 × 32": lambda cube: cube.read_subregion(
            *[(REGION.start, REGION.stop)] * 2
        ).mean((0, 1)),
        "whole cube": lambda cube: cube.load(),
    }


def numpy_map() -> Any:
    return of_array(lambda path: np.load(path, mmap_mode="r"))


def tifffile_map() -> Any:
    import tifffile

    return of_array(tifffile.memmap)


def h5py_dataset() -> Any:
    """Return the data of the first three-dimensional dataset, (band, y, x) or (y, x, band)."""

    def opened(path: Path) -> Any:
        import h5py

        cubes: list[Any] = []
        h5py.File(path).visititems(
            lambda _, node: cubes.append(node) if getattr(node, "ndim", 0) == 3 else None
        )
        return cubes[0]

    def turned(look: Any) -> Callable[[Any], object]:
        band_last = (*look[1:], look[0])
        return lambda data: np.array(data[look if data.shape[1:] == (SIDE, SIDE) else band_last])

    return opened, {
        "one band": turned((BAND, ALL, ALL)),
        "one spectrum": turned(POINT),
        "mean of 32 × 32": lambda data: turned(BOX)(data).mean(),
        "whole cube": lambda data: data[()],
    }


def zarr_array() -> Any:
    import zarr

    return of_array(lambda path: zarr.open(path, mode="r")["0"])


SPY = ("import spectral", "spectral.envi.open(PATH)")
CASES = {
    "ENVI bsq": Case(envi("bsq"), spy, SPY),
    "ENVI bil": Case(envi("bil"), spy, SPY),
    "ENVI bip": Case(envi("bip"), spy, SPY),
    "NumPy": Case(simple("a.npy"), numpy_map, ("import numpy", "numpy.load(PATH, mmap_mode='r')")),
    "OME-TIFF": Case(
        simple("a.ome.tif"), tifffile_map, ("import tifffile", "tifffile.memmap(PATH, mode='r')")
    ),
    "ImageJ TIFF": Case(
        simple("a.tif"), tifffile_map, ("import tifffile", "tifffile.memmap(PATH, mode='r')")
    ),
    "HyperSpy": Case(simple("a.hspy"), h5py_dataset, ("import h5py", "h5py.File(PATH)")),
    "NeXus": Case(simple("a.nxs"), h5py_dataset, ("import h5py", "h5py.File(PATH)")),
    "OME-Zarr": Case(simple("a.zarr"), zarr_array, ("import zarr", "zarr.open(PATH, mode='r')")),
}

if __name__ == "__main__":
    main()
