"""Being asked to end: by Ctrl-C, or by whoever runs the service."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ASKED = (signal.SIGTERM, signal.SIGINT)


@asynccontextmanager
async def until_asked() -> AsyncIterator[asyncio.Event]:
    """An event that is set once the process is asked to end. Asked again, it ends at once, as it would without this."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def ask() -> None:
        asked.set()
        for one in ASKED:
            loop.remove_signal_handler(one)

    for one in ASKED:
        loop.add_signal_handler(one, ask)
    try:
        yield asked
    finally:
        for one in ASKED:
            loop.remove_signal_handler(one)
