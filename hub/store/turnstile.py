"""One at a time, inside a process: who writes to a SQLite file."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Turnstile:
    """Lets one through at a time: those in a hurry first, all others in the order in which they came."""

    __slots__ = ("_hurried", "_others", "_taken")

    def __init__(self) -> None:
        self._taken = False
        self._hurried: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self, *, hurried: bool = False) -> AsyncIterator[None]:
        await self._come(self._hurried if hurried else self._others)
        try:
            yield
        finally:
            self._go()

    async def _come(self, queue: deque[asyncio.Future[None]]) -> None:
        if not self._taken:
            self._taken = True
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                with suppress(ValueError):
                    queue.remove(called)
            else:  # it was called at this very moment, and doesn't come
                self._go()
            raise

    def _go(self) -> None:
        """Calls the next one, to whom the turn belongs from here on."""
        for queue in (self._hurried, self._others):
            while queue:
                called = queue.popleft()
                if not called.done():
                    called.set_result(None)
                    return
        self._taken = False
