"""The demo on the command line: a progress bar, its report, and a viewer at the end."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..machine import Machine
    from ..progress import Progress
    from ..workflows.demo import Demo


def run_demo(
    folder: Path, *, viewer: bool, machine: Machine | None = None, overwrite: bool = False
) -> Demo:
    """Run the demo, print its report, and open a viewer with its images.

    See `demonstrate`. Without a screen there is no viewer. Ctrl-C ends the training early.
    """
    from rich.console import Console
    from rich.progress import Progress as Bar

    from ..progress import run
    from ..workflows.demo import demonstrate

    console = Console()
    with Bar(console=console, transient=True) as bar:
        line = bar.add_task("demo", total=100)

        def watch(step: Progress) -> None:
            bar.update(line, completed=step.done, description=step.note)

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
