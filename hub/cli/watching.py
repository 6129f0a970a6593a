"""Showing an answer anew every few seconds, until Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from rich.console import RenderableType
from rich.live import Live

from hub import clock
from hub.cli import tables
from hub.cli.screen import out
from hub.cli.signals import until_asked
from hub.errors import BadInput

T = TypeVar("T")

EVERY = 2.0
"""Seconds between two looks."""
SHARE = 10.0
"""At least so many times as long as a look takes: whoever watches must not be the store's greatest load."""


def refuse_unseen(*, as_json: bool) -> None:
    """BadInput when nobody would see it move."""
    if as_json or not sys.stdout.isatty():
        raise BadInput(
            "--watch shows things on a terminal, and here is none.",
            mend="Programs ask again and again with --json; Prometheus asks `/metrics` of `hub web` or `hub up`.",
        )


async def watch(ask: Callable[[], Awaitable[T]], draw: Callable[[T, T | None], RenderableType]) -> None:
    """Asks and draws until the process is asked to end; what it saw last stays on the screen. `draw` gets the answer
    before, too."""
    before: T | None = None
    console = out()
    async with until_asked() as asked:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not asked.is_set():
                began = time.monotonic()
                found = await ask()
                pause = max(EVERY, (time.monotonic() - began) * SHARE)
                said = f"{clock.now():%H:%M:%S} UTC, anew every {tables.duration(pause)}; Ctrl-C ends"
                live.update(tables.stack(draw(found, before), tables.line((said, "dim"))), refresh=True)
                before = found
                with suppress(TimeoutError):
                    await asyncio.wait_for(asked.wait(), pause)
    if before is not None:
        console.print(draw(before, None))
