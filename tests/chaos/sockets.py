"""Which process holds the other end of a connection on this machine: whoever is in the middle of a request."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def holder(port: int, processes: Iterable[int]) -> int | None:
    """Which of the processes holds the connection that goes out from this port of 127.0.0.1; None when none does."""
    inode = _inode(port)
    if inode is None:
        return None
    wanted = f"socket:[{inode}]"
    return next((process for process in processes if wanted in _held(process)), None)


def _held(process: int) -> Iterator[str]:
    """What its descriptors are. It may end, or close some of them, meanwhile."""
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{process}/fd"):
            with suppress(OSError):
                yield os.readlink(f"/proc/{process}/fd/{descriptor}")


def _inode(port: int) -> str | None:
    local = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == local and fields[9] != "0":  # one that was closed lingers without an owner
            return fields[9]
    return None
