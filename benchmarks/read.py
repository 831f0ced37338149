"""How long it takes to open an ENVI cube, a band and a spectrum of it, beside SPy.

    python benchmarks/read.py [--gigabytes 4] [--folder DIR]

The file is sparse: it takes no room on the disk, so this measures programs and not disks. Each
figure is the best of five, but opening, which is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SIDE, BYTES = 2048, 4
OURS = "import numpy, resource, time; from napari_hyperspectral.io import envi, read"
THEIRS = "import numpy, resource, time; import spectral; read = spectral.envi.open"
MEASURE = """
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, start = peak(), time.perf_counter()
cube = read(PATH)
print(json.dumps([time.perf_counter() - start, peak() - before]))
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--gigabytes", type=float, default=4)
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        header = sparse_cube(Path(folder), chosen.gigabytes)
        print(f"{header.with_suffix('.img').stat().st_size / 2**30:.1f} GiB, bsq, float32, sparse")
        print(f"{'':24}{'here':>12}{'SPy':>12}{'SPy / here':>12}")
        (ours, our_peak), (theirs, their_peak) = opening(OURS, header), opening(THEIRS, header)
        row("open (ms)", 1e3 * ours, 1e3 * theirs)
        row("memory to open (MB)", our_peak, their_peak)
        for name, (here, there) in looks(header).items():
            row(f"{name} (ms)", 1e3 * best(here), 1e3 * best(there))


def sparse_cube(folder: Path, gigabytes: float) -> Path:
    bands = max(1, round(gigabytes * 2**30 / (SIDE * SIDE * BYTES)))
    with (folder / "sparse.img").open("wb") as file:
        file.truncate(bands * SIDE * SIDE * BYTES)
    centres = ", ".join(str(400 + band) for band in range(bands))
    (folder / "sparse.hdr").write_text(
        f"ENVI\nsamples = {SIDE}\nlines = {SIDE}\nbands = {bands}\ndata type = 4\n"
        "interleave = bsq\nbyte order = 0\nheader offset = 0\nfile type = ENVI Standard\n"
        f"wavelength units = nm\nwavelength = {{{centres}}}\n"
    )
    return folder / "sparse.hdr"


def opening(imports: str, header: Path) -> tuple[float, float]:
    """Seconds and megabytes that opening takes above the imports, in a fresh process."""
    code = f"import json; {imports}\nPATH = {str(header)!r}\n{MEASURE}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, megabytes = json.loads(run.stdout)
    return seconds, megabytes


def looks(header: Path) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """What people look at, as (here, SPy)."""
    import numpy as np
    import spectral

    from napari_hyperspectral.io import read

    cube, theirs = read(header), spectral.envi.open(header)
    middle, half = cube.shape[0] // 2, SIDE // 2
    box = slice(half, half + 32)
    return {
        "one band": (lambda: np.array(cube.data[middle]), lambda: theirs.read_band(middle)),
        "one spectrum": (
            lambda: np.array(cube.data[:, half, half]),
            lambda: theirs.read_pixel(half, half),
        ),
        "32 × 32 spectra": (
            lambda: np.array(cube.data[:, box, box]),
            lambda: theirs.read_subregion((half, half + 32), (half, half + 32)),
        ),
    }


def best(look: Callable[[], object], times: int = 5) -> float:
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        look()
        durations.append(time.perf_counter() - start)
    return min(durations)


def row(name: str, here: float, there: float) -> None:
    ratio = there / here if here else float("inf")
    print(f"{name:24}{here:12.2f}{there:12.2f}{ratio:12.1f}")


if __name__ == "__main__":
    main()
