"""`hub status`, `hub runs`, `hub explain`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import explaining, standing, tables, watching
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer, plain
from hub.cli.work import COUNTS
from hub.domain.lane import Lane
from hub.domain.run import Run
from hub.operations import explain as explanations
from hub.operations import status as statuses
from sync_jobs.hub import Hub

ID_SHOWN = 12
"""Characters of a run's id: enough to name it to `hub undo`."""


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(runs)
    app.command()(explain)


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it anew every few seconds, until Ctrl-C.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """What the hub holds of every system, what is under way, what waits for a person."""
    if not watch:
        answer(inside(home, statuses.status), standing.drawn, as_json=as_json)
    watching.refuse_unseen(as_json=as_json)
    inside(home, lambda hub: watching.watch(lambda: _looked(hub), standing.drawn))


async def _looked(hub: Hub) -> statuses.Status:
    """Connections that came or went meanwhile are noticed."""
    await hub.refresh()
    return await statuses.status(hub)


def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to list.")] = 20,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """What ran lately, and what came of it."""
    answer(inside(home, lambda hub: statuses.runs(hub, limit)), _runs, as_json=as_json)


def _runs(answered: statuses.Runs) -> RenderableType:
    if not answered.runs:
        return tables.line("nothing has run yet: ", ("hub sync", "bold"))
    started = "started (UTC)"
    table = tables.table(
        *("run", started, "job", "where", "state", "seconds", "what"),
        numbers=["seconds"],
        names=("run", "job", "where", "state"),
        moments=[started],
        spare=["seconds"],
    )
    for run in answered.runs:
        where = "/".join(w for w in (run.connection, run.stream) if w)
        what = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in _in_order(run.counts) if n)
        table.add_row(
            Text(run.id[:ID_SHOWN], style="dim"),
            tables.moment(run.started_at),
            run.job + _lane(run),
            where,
            tables.state(run.state.value),
            statuses.seconds(run),
            Text(what).append(f" {plain(run.note)}" if run.note else "", style="yellow"),
        )
    return table


def _lane(run: Run) -> str:
    """The lane, where the job doesn't say it already; of a backfill, where its span begins."""
    job, _, span = run.lane.partition(":")
    if job == run.job:
        return f" from {span[:10]}" if span[:1].isdigit() else ""
    return "" if run.lane == Lane.LIVE else f" ({run.lane})"


def _in_order(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts as a story goes: read, written, in trouble, calls."""
    return sorted(counts.items(), key=lambda item: COUNTS.index(item[0]) if item[0] in COUNTS else 0)


def explain(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="contact or campaign")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="An e-mail, a hub id, a vendor's id.")],
    field: Annotated[str | None, typer.Argument(metavar="[FIELD]", help="Only this field, with everything.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Why a record is as it is: value, origin, rule, what lost and why, where it was pushed."""
    told = inside(home, lambda hub: explanations.explain(hub, entity, key, field))
    answer(told, lambda e: explaining.drawn(e, whole=field is not None), as_json=as_json)
