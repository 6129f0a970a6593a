"""`hub quota`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer
from hub.domain.lane import Lane
from hub.operations import quota as quotas
from hub.operations.quota import ConnectionQuota, Quotas, Window

FULL = 0.9
"""Share of a window from which on it is marked."""


def register(app: typer.Typer) -> None:
    app.command()(quota)


def quota(
    connection: Annotated[
        str | None, typer.Argument(metavar="[CONNECTION]", help="Which connection; all of them without.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """What may still be asked of each vendor: limits, what is used of them, by whom, and when there is more."""
    answer(inside(home, lambda hub: quotas.quota(hub, connection)), _quota, as_json=as_json)


def _quota(found: Quotas) -> RenderableType:
    if not found.connections:
        return tables.line("no connections yet: ", ("hub connections add", "bold"))
    notes = [
        tables.line((f"{c.connection} rests: ", "yellow"), f"no calls ({bucket}) before {_moment(until, found)} UTC")
        for c in found.connections
        for bucket, until in c.rests.items()
    ]
    notes += [
        tables.line((f"{c.connection} ", "bold"), f"shares its account with {', '.join(c.shares_with)}")
        for c in found.connections
        if c.shares_with
    ]
    return tables.stack(_windows(found), _today(found.connections), Text("\n").join(notes) if notes else None)


def _windows(found: Quotas) -> RenderableType:
    numbers = ("limit", "used", "for backfill")
    table = tables.table(
        *("connection", "calls", "within", "limit", "used", "for backfill", "the vendor says", "free again (UTC)"),
        title="limits",
        numbers=numbers,
        names=("connection", "calls", "within"),
        spare=("the vendor says", "for backfill"),
    )
    for c in found.connections:
        name = Text(c.connection, style="bold")
        for window in c.windows:
            limit = tables.number(window.limit)
            if window.ours is not None:
                limit.append(f"\nours {window.ours:,}", style="dim")
            table.add_row(
                name,
                _bucket(window.bucket),
                span(window.seconds),
                limit,
                _used(window),
                tables.number(window.backfill_left),
                _said(window, found),
                _free(window, found),
            )
            name = Text("")
        for bucket, most in c.at_once.items():
            table.add_row(name, _bucket(bucket), "at once", f"{most:,}", *[tables.number(None)] * 2, "", "")
            name = Text("")
        if not c.windows and not c.at_once:
            table.add_row(name, Text("not limited", style="dim"))
    return table


def _bucket(name: str) -> str:
    return "all" if name == "*" else name


def span(seconds: float) -> str:
    """`1 s`, `10 s`, `5 min`, `24 h`."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _used(window: Window) -> Text:
    used = tables.number(window.used)
    most = window.ours or window.limit
    if window.used and most and window.used >= FULL * most:
        used.stylize("yellow")
    return used


def _said(window: Window, found: Quotas) -> Text:
    if window.said is None:
        return Text("–", style="dim")
    used = "" if window.said.used is None else f"{window.said.used:,} used"
    limit = "" if window.said.limit is None else f"of {window.said.limit:,}"
    return Text(" ".join(w for w in (used, limit) if w)).append(f" ({_moment(window.said.at, found)})", style="dim")


def _free(window: Window, found: Quotas) -> Text:
    told = Text(_moment(window.frees_at, found) if window.frees_at else "")
    if window.runs_out_at:
        told.append(f"{', ' if told else ''}used up {_moment(window.runs_out_at, found)}", style="yellow")
    return told


def _moment(iso: str, found: Quotas) -> str:
    """`12:39` of the day that is shown, `11-23 12:39` of any other."""
    return iso[11:16] if iso[:10] == found.at[:10] else iso[5:16].replace("T", " ")


def _today(connections: Sequence[ConnectionQuota]) -> RenderableType:
    lanes = [lane.value for lane in Lane]
    heads = [*lanes, "all", "expected"]
    table = tables.table("connection", *heads, title="calls today (UTC)", numbers=heads, names=["connection"])
    for c in connections:
        counts = [tables.number(c.today.get(lane, 0)) for lane in lanes]
        expected = tables.number(c.expected)
        table.add_row(Text(c.connection, style="bold"), *counts, tables.number(sum(c.today.values())), expected)
    return table
