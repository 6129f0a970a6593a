"""Which process holds the other end of a connection on this machine: whoever is in the middle of a request."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def holder(port: int, processes: Iterable[int]) -> int | None:
    """Which of the processes holds the connection that goes out from this port of 127.0.0.1; None when none does."""
    inode = _inode(port)
    if inode is None:
        return None
    wanted = f"socket:[{inode}]"
    for process in processes:
        try:
            if any(os.readlink(held) == wanted for held in Path(f"/proc/{process}/fd").iterdir()):
                return process
        except OSError:
            continue  # it ended, or closed something, meanwhile
    return None


def _inode(port: int) -> str | None:
    local = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == local:
            return fields[9]
    return None
