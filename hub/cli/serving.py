"""`hub worker` and `hub up`: working for good."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from hub import settings
from hub.cli import tables
from hub.cli.options import AsJson, Home, place
from hub.cli.screen import err, out, print_json
from hub.cli.signals import until_asked
from hub.operations import home as homes

if TYPE_CHECKING:
    from sync_jobs.crew import Crew

Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Tours at a time; otherwise HUB_WORKER_JOBS.")]


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(worker)


@dataclass(frozen=True, slots=True)
class Working:
    """`worker`: its id in the store; `url`: where it answers for health and metrics, "" nowhere."""

    worker: str
    url: str
    connections: int
    jobs: int
    sweep_seconds: float


def up(
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where; otherwise HUB_LISTEN.")
    ] = None,
    jobs: Jobs = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Keep everything in agreement, and take webhooks, in this one process, until Ctrl-C or SIGTERM."""
    asyncio.run(_up(place(home), listen or settings.load().listen, jobs, as_json=as_json))


def worker(jobs: Jobs = None, home: Home = None, as_json: AsJson = False) -> None:
    """Keep everything in agreement as one of several processes, woken through Redis, until Ctrl-C or SIGTERM."""
    asyncio.run(_worker(place(home), jobs, as_json=as_json))


async def _up(home: Path, listen: str, jobs: int | None, *, as_json: bool) -> None:
    from hub.operations import serving as operations  # slow to load, as is the web, and of no use to other commands
    from hub.web.app import make_app
    from hub.web.server import serving

    async with AsyncExitStack() as stack:
        asked = await stack.enter_async_context(until_asked())
        hub = await stack.enter_async_context(homes.opened(home, patient=asked))
        crew = await stack.enter_async_context(operations.up(hub, jobs=jobs))
        url = await stack.enter_async_context(serving(make_app(hub, stopping=crew.stopping), listen))
        await _work(crew, asked, url, as_json=as_json)


async def _worker(home: Path, jobs: int | None, *, as_json: bool) -> None:
    from hub.operations import serving as operations
    from hub.web.app import make_app
    from hub.web.server import serving

    async with AsyncExitStack() as stack:
        asked = await stack.enter_async_context(until_asked())
        hub = await stack.enter_async_context(homes.opened(home, patient=asked))
        crew = await stack.enter_async_context(operations.working(hub, jobs=jobs))
        url = ""
        if listen := settings.load().worker_listen:
            url = await stack.enter_async_context(
                serving(make_app(hub, webhooks=False, stopping=crew.stopping), listen)
            )
        await _work(crew, asked, url, as_json=as_json)


async def _work(crew: Crew, asked: asyncio.Event, url: str, *, as_json: bool) -> None:
    working = Working(crew.id, url, len(crew.hub.wired), crew.pace.jobs, crew.pace.sweep)
    if as_json:
        print_json(working)
    else:
        out().print(_shown(working))
    await crew.until(asked)
    if not as_json:
        err().print("stopped; what was under way is finished or will be looked up", style="dim")


def _shown(w: Working) -> RenderableType:
    count = f"{w.connections} connection{'s' if w.connections != 1 else ''}"
    head = tables.line(
        ("working ", "green"), f"on {count}, {w.jobs} tours at a time, looking every {w.sweep_seconds:g} s"
    )
    where = tables.line("health, metrics and webhooks at ", (w.url, "bold")) if w.url else None
    return tables.stack(
        head, where, tables.line(("Ctrl-C stops it; ", "dim"), ("hub status", "bold"), " shows how it stands")
    )
