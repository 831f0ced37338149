"""How long it takes to open mass spectrometry images, and to look at a band, spectrum and region.

    python benchmarks/imzml.py [--side 1000] [--values 500] [--folder DIR] [--kind KIND …]

Three images of side × side pixels are written: spectra of the same m/z values (*continuous*), the
same with every third pixel left out (*holes*), and spectra of their own m/z values (*processed*,
a fifth as many). Opening is measured in a process of its own, above the imports, with the memory
it takes; the looks first with the pages of the .ibd file put out of memory, then "again".
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from napari_hyperspectral import Cube, read

_HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1"><fileDescription><fileContent>
<cvParam cvRef="IMS" accession="IMS:1000080" name="universally unique identifier" value="{uuid}"/>
</fileContent></fileDescription><referenceableParamGroupList count="2">
<referenceableParamGroup id="mzArray">
<cvParam cvRef="MS" accession="MS:1000514" name="m/z array"/>
<cvParam cvRef="MS" accession="MS:1000523" name="64-bit float"/>
</referenceableParamGroup><referenceableParamGroup id="intensityArray">
<cvParam cvRef="MS" accession="MS:1000515" name="intensity array"/>
<cvParam cvRef="MS" accession="MS:1000521" name="32-bit float"/>
</referenceableParamGroup></referenceableParamGroupList>
<scanSettingsList count="1"><scanSettings id="settings">
<cvParam cvRef="IMS" accession="IMS:1000046" name="pixel size (x)" value="50"/>
</scanSettings></scanSettingsList><instrumentConfigurationList count="1">
<instrumentConfiguration id="instrument"/></instrumentConfigurationList><run id="run">
<spectrumList count="{count}" defaultDataProcessingRef="export">
"""
_SPECTRUM = """<spectrum defaultArrayLength="0" id="spectrum={number}" index="{number}">
<cvParam cvRef="MS" accession="MS:1000579" name="MS1 spectrum" value=""/>
<cvParam cvRef="MS" accession="MS:1000285" name="total ion current" value="{total}"/>
<scanList count="1"><cvParam cvRef="MS" accession="MS:1000795" name="no combination"/>
<scan instrumentConfigurationRef="instrumentConfiguration0">
<cvParam cvRef="IMS" accession="IMS:1000050" name="position x" value="{x}"/>
<cvParam cvRef="IMS" accession="IMS:1000051" name="position y" value="{y}"/>
<cvParam cvRef="IMS" accession="IMS:1000052" name="position z" value="1"/>
</scan></scanList><binaryDataArrayList count="2">
<binaryDataArray encodedLength="0"><referenceableParamGroupRef ref="mzArray"/>
<cvParam cvRef="IMS" accession="IMS:1000103" name="external array length" value="{values}"/>
<cvParam cvRef="IMS" accession="IMS:1000104" name="external encoded length" value="{mz_bytes}"/>
<cvParam cvRef="IMS" accession="IMS:1000102" name="external offset" value="{mz}"/><binary/>
</binaryDataArray>
<binaryDataArray encodedLength="0"><referenceableParamGroupRef ref="intensityArray"/>
<cvParam cvRef="IMS" accession="IMS:1000103" name="external array length" value="{values}"/>
<cvParam cvRef="IMS" accession="IMS:1000104" name="external encoded length" value="{bytes}"/>
<cvParam cvRef="IMS" accession="IMS:1000102" name="external offset" value="{intensity}"/><binary/>
</binaryDataArray></binaryDataArrayList></spectrum>
"""
KINDS = ("continuous", "holes", "processed")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--side", type=int, default=1000)
    options.add_argument("--values", type=int, default=500)
    options.add_argument("--folder", type=Path, help="on the disk to be measured")
    options.add_argument("--kind", action="append", choices=KINDS)
    chosen = options.parse_args()
    print(
        "| kind | .imzML, .ibd MB | open s | its memory MB | band ms | spectrum ms | 32 × 32 ms |"
    )
    print("|---|---|---|---|---|---|---|")
    for kind in chosen.kind or KINDS:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            values = chosen.values // 5 if kind == "processed" else chosen.values
            path = written(Path(folder), kind, chosen.side, values)
            print("| " + " | ".join(row(kind, path)) + " |", flush=True)


def written(folder: Path, kind: str, side: int, values: int) -> Path:
    """Write a pair of files."""
    chance, name = np.random.default_rng(0), uuid.UUID(int=1)
    places = [p for p in range(side * side) if kind != "holes" or p % 3]
    mz_bytes, bytes_ = 8 * values, 4 * values
    path, offset = folder / "image.imzML", 16
    with path.open("w") as xml, path.with_suffix(".ibd").open("wb") as ibd:
        ibd.write(name.bytes)
        xml.write(_HEADER.format(uuid=name.hex, count=len(places)))
        if kind != "processed":
            ibd.write(np.linspace(100, 1000, values).tobytes())
        for number, place in enumerate(places):
            y, x = divmod(place, side)
            if kind == "processed":
                ibd.write(np.sort(chance.uniform(100, 1000, values)).tobytes())
                offset = ibd.tell() - mz_bytes
            intensity = chance.random(values, np.float32)
            ibd.write(intensity.tobytes())
            about = {"mz": offset, "intensity": ibd.tell() - bytes_, "mz_bytes": mz_bytes}
            about |= {"bytes": bytes_, "values": values, "total": intensity.sum()}
            _add(xml, number=number, x=x + 1, y=y + 1, **about)
        xml.write("</spectrumList></run></mzML>")
    return path


def _add(xml: TextIO, **about: object) -> None:
    xml.write(_SPECTRUM.format(**about))


def row(kind: str, path: Path) -> Iterator[str]:
    yield kind
    yield ", ".join(f"{each.stat().st_size / 1e6:,.0f}" for each in both(path))
    seconds, megabytes = opening(path)
    yield from (f"{seconds:.1f}", f"{megabytes:.0f}")
    cube = read(path)
    bands, height, width = cube.shape
    yield timed(path, cube, (bands // 2,))
    yield timed(path, cube, (slice(None), height // 2, width // 2))
    yield timed(path, cube, (slice(None), slice(height // 2, height // 2 + 32), slice(32)))


def timed(path: Path, cube: Cube, index: tuple[int | slice, ...]) -> str:
    evict(path)
    took = []
    for _ in range(2):
        start = time.perf_counter()
        np.array(cube.data[index])
        took.append(1e3 * (time.perf_counter() - start))
    return f"{took[0]:.1f} ({took[1]:.1f})"


def both(path: Path) -> tuple[Path, Path]:
    return path, path.with_suffix(".ibd")


def evict(path: Path) -> None:
    """Put the pages of both files out of memory."""
    for file in both(path):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def opening(path: Path) -> tuple[float, float]:
    """Return the seconds that opening takes, and the megabytes above the imports at most."""
    program = (
        "import time, numpy; from napari_hyperspectral.io import imzml, read_all\n"
        "peak = lambda: [int(line.split()[1]) / 1e3 for line in open('/proc/self/status')"
        " if line.startswith('VmHWM')][0]\n"
        f"before, start = peak(), time.perf_counter()\nimages = read_all({str(path)!r})\n"
        "print(time.perf_counter() - start, peak() - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    seconds, megabytes = run.stdout.split()
    return float(seconds), float(megabytes)


if __name__ == "__main__":
    main()
