"""The demo on the command line: a progress bar, its report, and a viewer at the end."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..system.locks import locked
from .bars import watching

if TYPE_CHECKING:
    from ..machine import Machine
    from ..workflows.demo import Demo


def run_demo(
    folder: Path, *, viewer: bool, machine: Machine | None = None, overwrite: bool = False
) -> Demo:
    """Run the demo, print its report, and open a viewer with its images.

    See `demonstrate`. Without a screen there is no viewer. Ctrl-C ends the training early.
    """
    from rich.console import Console

    from ..progress import run
    from ..workflows.demo import demonstrate

    console = Console(markup=False, emoji=False)
    with locked(folder), watching("demo") as watch:
        job = demonstrate(folder, machine=machine, overwrite=overwrite)
        demo = run(job, watch)
    console.print(demo.report)
    for path in demo.files:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    if viewer and has_screen():
        from ..widgets.show import show

        show((demo.cube, demo.truth, demo.train, demo.predicted))
    return demo


def has_screen() -> bool:
    """Whether there is a screen to open a window on."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
