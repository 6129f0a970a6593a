"""`hub web`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub import settings
from hub.cli import tables
from hub.cli.options import AsJson, Home, place
from hub.cli.screen import err, out, print_json
from hub.cli.signals import until_asked
from hub.operations import connections
from hub.operations import home as homes
from hub.operations.serving import taking


def register(app: typer.Typer) -> None:
    app.command()(web)


@dataclass(frozen=True, slots=True)
class WebUp:
    """Where it listens; the paths of webhooks by connection."""

    url: str
    webhooks: dict[str, str]


def web(
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where; otherwise HUB_LISTEN.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take webhooks and answer for health and metrics, until Ctrl-C or SIGTERM. Workers do what webhooks ask for."""
    asyncio.run(_serve(place(home), listen or settings.load().listen, as_json=as_json))


async def _serve(home: Path, listen: str, *, as_json: bool) -> None:
    from hub.web.app import make_app  # slow to load, and of no use to other commands
    from hub.web.server import serving

    async with until_asked() as asked, homes.opened(home, patient=asked) as hub, taking(hub):
        there = await connections.all_(hub)
        async with serving(make_app(hub, stopping=asked), listen) as url:
            up = WebUp(url, {c.name: c.webhook.path for c in there.connections if c.webhook.ready})
            if as_json:
                print_json(up)
            else:
                out().print(_up(up))
            await asked.wait()
    if not as_json:
        err().print("stopped", style="dim")


def _up(up: WebUp) -> RenderableType:
    head = tables.line(("listening at ", "green"), (up.url, "bold"))
    if not up.webhooks:
        how = ("hub connections show NAME", "bold")
        return tables.stack(head, tables.line("no connection has a secret for webhooks yet; ", how, " says which"))
    table = tables.table("connection", "webhook")
    for name, path in up.webhooks.items():
        table.add_row(Text(name, style="bold"), path)
    return tables.stack(head, table, tables.line(("Ctrl-C stops it", "dim")))
