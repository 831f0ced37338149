"""Files read into layers, in the background where somebody waits for them in a window."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from threading import Event, Thread

from ..io import FileFormatError, Source, format_of, read_all
from ..io.formats import reader_of
from ..layers import LayerData, to_layers
from ..progress import Progress, Stop


class Reading:
    """Files being read, perhaps in a thread of their own.

    Parameters
    ----------
    paths : list of str
        As `io.read_all` takes them, one after the other.
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        self.progress = Progress(0, 0)
        self.cancelled = False
        self.guesses: list[str] = []
        """What the files left open, to be shown to the person."""
        self._layers: list[LayerData] = []
        self._error: Exception | None = None
        self._done = Event()

    def start(self) -> Reading:
        """Read in the background; what there is to import is imported before."""
        for path in self.paths:
            with suppress(FileFormatError, OSError):  # which reading raises again
                reader_of(format_of(Source.parse(path).path))
        Thread(target=self.run, name=f"reading {self.paths[0]}", daemon=True).start()
        return self

    def run(self) -> None:
        """Read all there is, to be had by `layers`."""
        try:
            for path in self.paths:
                found = read_all(path, on_guess=self.guesses.append, watch=self._watch)
                self._layers += to_layers(found)  # here: for contrast, some of the data are read
        except Exception as error:  # raised again by `layers`, in the thread that asks
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end, no longer than this; return whether it is there."""
        return self._done.wait(seconds)

    def layers(self) -> list[LayerData]:
        """Return what was read.

        Raises
        ------
        Exception
            What reading raised.
        """
        if self._error is not None:
            raise self._error
        return self._layers

    def reports(self) -> Generator[Progress, None, None]:
        """Tell ten times a second how far it is, till the end."""
        while not self.wait(0.1):
            yield self.progress

    def _watch(self, step: Progress) -> None:
        if self.cancelled:
            raise Stop
        self.progress = step
