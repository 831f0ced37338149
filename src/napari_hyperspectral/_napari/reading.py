"""Read files into layers, in a thread where a window waits for them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from threading import Event, Thread

from ..io import FileFormatError, Source, format_of, read_all
from ..io.formats import reader_of
from ..layers import LayerData, to_layers
from ..progress import Progress, Stop
from .first_picture import FirstPicture, first_pictures, surveys_last


class Reading:
    """Files that are read, perhaps in a thread of their own.

    Parameters
    ----------
    paths : list of str
        Paths for `io.read_all`, read one after the other.
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        self.progress = Progress(0, 0)
        self.cancelled = False
        self.guesses: list[str] = []
        """What the files did not state, and how it was guessed: to be shown."""
        self.pictures: list[FirstPicture] = []
        """How the cubes are shown first."""
        self._layers: list[LayerData] = []
        self._error: Exception | None = None
        self._done = Event()

    def start(self) -> Reading:
        """Start reading in a thread; imports are done here, as they are not safe there."""
        for path in self.paths:
            with suppress(FileFormatError, OSError):  # reading will raise it again
                reader_of(format_of(Source.parse(path).path))
        Thread(target=self.run, name=f"reading {self.paths[0]}", daemon=True).start()
        return self

    def run(self) -> None:
        """Read all files; `layers` returns the result."""
        try:
            for path in self.paths:
                read = read_all(path, on_guess=self.guesses.append, watch=self._watch)
                images = surveys_last(read)
                # in this thread too: band and contrast are chosen by some of the data
                layers = to_layers(images)
                self.pictures += first_pictures(images, layers)
                self._layers += layers
        except Exception as error:  # raised by `layers`, in the thread that calls it
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of reading, at most so long; return whether it has ended."""
        return self._done.wait(seconds)

    def layers(self) -> list[LayerData]:
        """Return the layers that were read.

        Raises
        ------
        Exception
            If reading failed: its error.
        """
        if self._error is not None:
            raise self._error
        return self._layers

    def steps(self) -> Generator[Progress, None, None]:
        """Yield the progress ten times a second, until the end."""
        while not self.wait(0.1):
            yield self.progress

    def _watch(self, step: Progress) -> None:
        if self.cancelled:
            raise Stop
        self.progress = step
