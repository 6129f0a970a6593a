"""One at a time: two processes that write to the same systems from one home could both create the same person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.errors import Refused

try:
    import fcntl
except ImportError:  # not a POSIX system: there the operator keeps runs apart
    fcntl = None  # type: ignore[assignment]

FILE = ".working"


@contextmanager
def turn(home: Path) -> Iterator[None]:
    """Holds the home for one run; the system lets go of it when the process ends, however it ends. Refused while
    another process holds it."""
    with (home / FILE).open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Refused(
                    "another process is working in this home",
                    mend="let it end; `hub runs` shows what it does",
                ) from None
        yield
