"""A line of progress on a terminal, for `progress=True`."""

from __future__ import annotations

import sys
import time

from modelseal import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing as _t

#: Work that is over sooner needs no progress, in seconds.
_PATIENCE = 0.5
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


class Line:
    """Rewrites one line of `stream` while the work lasts."""

    def __init__(self, stream: _t.TextIO) -> None:
        self._stream = stream
        self._since = time.monotonic()
        self._width = 0

    def __call__(self, progress: _native.Progress) -> None:
        """Show how far the work is."""
        if time.monotonic() - self._since >= _PATIENCE:
            self._rewrite(describe(progress))

    def clear(self) -> None:
        """Leave the line empty, for whatever is written next."""
        if self._width:
            self._rewrite("")
            self._stream.write("\r")
            self._stream.flush()

    def _rewrite(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)


def describe(progress: _native.Progress) -> str:
    """Say in a few words how far the work is."""
    more = "" if progress.walked else "+"
    return (
        f"hashed {size(progress.bytes_done)} of {size(progress.bytes_total)}{more}, "
        f"{progress.files_done} of {progress.files_total}{more} files"
    )


def size(count: int) -> str:
    """Write a number of bytes for people."""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def line_for(progress: bool | _t.Callable[[_native.Progress], object] | None) -> Line | None:
    """Return the line that `progress=True` asks for, where there is a terminal to show it."""
    if progress is not True:
        return None
    # There is no stderr at all under some GUIs and services.
    stream: _t.TextIO | None = sys.stderr
    return Line(stream) if stream is not None and stream.isatty() else None
