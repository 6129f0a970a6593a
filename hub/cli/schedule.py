"""`hub schedule`: how often streams are read, and when next."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer
from hub.errors import BadInput
from hub.operations import schedules as operations

Connection = Annotated[str | None, typer.Argument(metavar="[CONNECTION]", help="Only this connection; otherwise all.")]
Stream = Annotated[str | None, typer.Argument(metavar="[STREAM]", help="Only this stream of it.")]


def register(app: typer.Typer) -> None:
    app.command()(schedule)


def schedule(
    connection: Connection = None,
    stream: Stream = None,
    every: Annotated[str | None, typer.Option("--every", help="Read it so often: 90s, 5m, 2h, 1d.")] = None,
    cron: Annotated[
        str | None, typer.Option("--cron", help='Or at these times: "0 3 * * *", "*/15 7-19 * * mon-fri".')
    ] = None,
    hours: Annotated[
        str | None, typer.Option("--hours", help='Only then: "mon-fri 07:00-20:00", several with commas; always.')
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", help="The time zone of hours and cron: Europe/Berlin. At first: UTC.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Forget what was said, and read as usual.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """How often every stream is read while `hub worker` or `hub up` runs, and when next. Options change it."""
    said = {"--every": every, "--cron": cron, "--hours": hours, "--zone": zone}
    given = [name for name, value in said.items() if value is not None]
    if default and given:
        raise BadInput(f"--default and {given[0]} exclude each other", mend="say one of them")
    if connection is None:
        if given or default:
            raise BadInput(f"{(given or ['--default'])[0]} needs a connection", mend="hub schedule CONNECTION [STREAM]")
        found = inside(home, operations.show)
    elif default:
        found = inside(home, lambda hub: operations.reset(hub, connection, stream))
    elif given:
        found = inside(
            home,
            lambda hub: operations.change(hub, connection, stream, every=every, cron=cron, hours=hours, zone=zone),
        )
    else:
        found = inside(home, lambda hub: operations.show(hub, connection, stream))
    answer(found, _shown, as_json=as_json)


def _shown(found: operations.Schedules) -> RenderableType:
    if not found.schedules:
        return tables.line("nothing is read yet: ", ("hub connections add", "bold"))
    moments = ("began (UTC)", "ended (UTC)", "next (UTC)")
    table = tables.table(
        *("stream", "how often", "hours", *moments, "missed for"),
        names=("stream", "missed for"),
        moments=moments,
        spare=("began (UTC)", "hours"),
    )
    for s in found.schedules:
        often = Text(s.often, style="" if s.said_of else "dim")
        if s.said_of == "connection":
            often.append(" (of the connection)", style="dim")
        ended = tables.day_and_minute(s.ended_at)
        if s.walking is not None:
            ended.append(f" (+{s.walking:,} so far)", style="cyan")
        table.add_row(
            Text(f"{s.connection}/{s.stream}", style="bold"),
            often,
            f"{s.hours} {s.zone}" if s.hours else Text("always", style="dim"),
            tables.day_and_minute(s.began_at),
            ended,
            _next(s, found.now),
            Text(tables.duration(s.late), style="yellow") if s.late is not None else "",
        )
    return table


def _next(s: operations.StreamSchedule, now: str) -> Text:
    if s.next_at is None:
        return Text("not read", style="yellow")
    return Text("now", style="green") if s.next_at <= now else tables.day_and_minute(s.next_at)
