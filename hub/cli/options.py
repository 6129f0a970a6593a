"""The options that many commands share, and how a command opens the home it works in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hub.operations import home as homes
from sync_jobs.hub import Hub

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout; logs go to stderr.")]
Home = Annotated[
    Path | None,
    typer.Option("--home", help="The hub's folder. Otherwise HUB_HOME, or this folder when it holds a hub.db."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]

home_said: ContextVar[Path | None] = ContextVar("home_said", default=None)
"""`hub --home DIR command`, as well as `hub command --home DIR`."""


def place(home: Path | None) -> Path:
    """The home this command works in. NotFound when there is none."""
    return homes.find(home or home_said.get())


def inside(home: Path | None, act: Callable[[Hub], Awaitable[T]]) -> T:
    """Opens the home, does one operation in it, closes it."""

    async def work() -> T:
        async with homes.opened(place(home)) as hub:
            return await act(hub)

    return asyncio.run(work())
