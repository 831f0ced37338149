"""What is told on the terminal in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_pairs(pairs: dict[str, str]) -> None:
    """Print texts beside their names; a text may have lines."""
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, text in pairs.items():
        table.add_row(name, Text(text))  # not markup: names may hold [brackets]
    Console().print(table, highlight=False)


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows below the names of their columns, numbers with three decimals."""
    from rich.text import Text

    table = Table(box=None)
    for name in rows[0]:
        table.add_column(Text(name))
    for row in rows:
        words = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values())
        table.add_row(*map(Text, words))  # not markup: names may hold [brackets]
    Console().print(table)
