"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PathText = Annotated[str, typer.Argument(metavar="PATH", help="File or folder, or path::name@axes")]
Axes = Annotated[
    str | None,
    typer.Option(
        metavar="LAYOUT", help="Axes of the array, a letter each of t z b y x, such as yxb"
    ),
]
ImageName = Annotated[
    str | None, typer.Option(help="Name or number of the image, where a file holds several")
]
RecipeAndImages = Annotated[
    list[str],
    typer.Argument(
        metavar="[RECIPE.json] NAME=PATH...",
        help="A recipe, if any, and the images that the task needs: noisy=a.hdr clean=b.hdr, or "
        "image=c.hdr label=TEXT. A path may be a folder or a 'pattern*': its files are paired by "
        "name. Or list=files.csv, or classes=folder/ with a folder a class. Repeat the names for "
        "several examples",
    ),
]
TaskKind = Annotated[
    str | None, typer.Option("--task", help="Kind of the task, such as denoise, without a recipe")
]
MethodKind = Annotated[
    str | None,
    typer.Option(
        "--method",
        help="Kind of method, such as ridge or resunet1d; left out, the best one by measurement",
    ),
]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="File that `train` wrote")]
ImageFiles = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME=PATH...",
        help="The images that the task needs: noisy=a.hdr clean=b.hdr, or image=c.hdr label=TEXT. A path "
        "may be a folder or a 'pattern*': its files are paired by name. Or list=files.csv, or "
        "classes=folder/ with a folder a class. Repeat the names for several examples",
    ),
]
SamePixels = Annotated[
    bool,
    typer.Option(
        "--same-pixels",
        help="Pair images by rows and columns, even if they state that they lie elsewhere",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist")]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
Device = Annotated[
    str | None, typer.Option(help="Where networks run: auto, cpu, cuda, cuda:1, mps")
]
Precision = Annotated[str | None, typer.Option(help="float32, or bfloat16: faster, less precise")]
Threads = Annotated[int | None, typer.Option(help="Threads on the CPU")]
TileMemory = Annotated[int | None, typer.Option(help="Memory one tile may take, in MiB")]
Cache = Annotated[Path | None, typer.Option(help="Folder for trainings in progress")]
