"""What the benchmarks that train share: rows that are kept as they are done, and a progress bar."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar

from napari_hyperspectral import Machine, Model, Recipe
from napari_hyperspectral.evaluation.spread import paired_difference, spreads
from napari_hyperspectral.progress import run
from napari_hyperspectral.tasks import Example
from napari_hyperspectral.training.fit import fit_steps

Row = dict[str, Any]


def options(about: str, rows: str, **more: Any) -> argparse.Namespace:
    """Return what the command line says: the data folder, the file of rows, seeds, and `more`.

    `more` is a default for each further option.
    """
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("data", nargs="?", default=os.environ.get("NAPARI_HYPERSPECTRAL_DATA"))
    parser.add_argument("--rows", type=Path, default=Path(rows), help="rows are kept here")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    chosen = parser.parse_args()
    if not chosen.data:
        parser.error("say where the data are: DATA, or NAPARI_HYPERSPECTRAL_DATA")
    chosen.data = Path(chosen.data)
    return chosen


def kept(path: Path) -> list[Row]:
    """Return the rows that earlier runs wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def once(path: Path, key: Row, make: Callable[..., Iterable[Row]], *arguments: Any) -> None:
    """Call `make` and keep its rows under `key`, unless an earlier run did."""
    if any(key.items() <= row.items() for row in kept(path)):
        return
    started = time.perf_counter()
    rows = [key | row for row in make(*arguments)]
    seconds = time.perf_counter() - started
    for row in rows:
        row.setdefault("seconds", round(seconds, 1))
        row["share of seconds"] = round(seconds / len(rows), 2)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    with path.open("a") as file:
        file.write(lines)


def hours(rows: Sequence[Row]) -> str:
    """Return a sentence on how long the rows took, those of earlier runs included."""
    seconds = 0.0
    for row in rows:
        # rows of version 0.1 have the seconds of all that were made together
        seconds += row.get("share of seconds", row["seconds"])
    return f"\n{seconds / 3600:.2f} hours for {len(rows)} rows"


def trained(
    recipe: Recipe,
    examples: Sequence[Example],
    what: str,
    machine: Machine,
    start: Model | None = None,
) -> Model:
    """Train under a progress bar, perhaps starting from another model."""
    with Bar(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(what, total=100)
        return run(
            fit_steps(recipe, examples, machine=machine, start=start),
            lambda step: bar.update(line, total=step.total, completed=step.done),
        )


def table(rows: Sequence[Row], by: Sequence[str], figures: Sequence[str]) -> str:
    """Return a table of means, and of the spread between seeds and folds, as Markdown."""
    lines = ["| " + " | ".join((*by, *figures, "rows")) + " |"]
    lines.append("|" + " --- |" * (len(by) + len(figures) + 1))
    for key, found in spreads(rows, by, figures).items():
        cells = [str(found[figure]) for figure in figures]
        count = sum(tuple(row[name] for name in by) == key for row in rows)
        lines.append("| " + " | ".join((*map(str, key), *cells, str(count))) + " |")
    return "\n".join(lines)


def paired(rows: Sequence[Row], figure: str, method: str, against: str, **columns: Any) -> str:
    """Return a sentence on how a method differs from another one, folds and seeds being paired.

    `columns` are `pair_by` and `independent` of `paired_difference`.
    """
    difference, lower = paired_difference(rows, figure, method, against, **columns)
    return (
        f"{figure}: {method} less {against} {difference.mean:.3g}, standard error "
        f"{difference.standard_error:.2g}; lower in {lower} of {difference.number}"
    )
