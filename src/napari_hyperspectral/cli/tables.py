"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from ..errors import printable

# texts are printed as `Text`, for names may hold what rich would take for markup: [brackets]


def print_pairs(pairs: Mapping[str, str]) -> None:
    """Print texts next to their names; a text may have several lines."""
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, text in pairs.items():
        table.add_row(name, Text(printable(text)))
    Console(markup=False, emoji=False).print(table, highlight=False)


def print_rows(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows below the names of their columns, numbers with three decimals."""
    from rich.text import Text

    table = Table(box=None)
    for name in rows[0]:
        table.add_column(Text(printable(name)))
    for row in rows:
        cells = []
        for value in row.values():
            text = f"{value:.3f}" if isinstance(value, float) else str(value)
            cells.append(Text(printable(text)))
        table.add_row(*cells)
    Console(markup=False, emoji=False).print(table)
