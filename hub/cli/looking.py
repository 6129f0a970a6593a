"""`hub status`, `hub runs`, `hub explain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import explaining, tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer, plain
from hub.cli.work import COUNTS
from hub.domain.circuit import Circuit
from hub.domain.consent_change import Latencies
from hub.domain.lane import Lane
from hub.domain.run import Run
from hub.domain.worker import Role, Worker
from hub.operations import explain as explanations
from hub.operations import status as statuses
from hub.operations.backfill import UnderWay

ID_SHOWN = 12
"""Characters of a run's id: enough to name it to `hub undo`."""


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(runs)
    app.command()(explain)


def status(home: Home = None, as_json: AsJson = False) -> None:
    """What the hub holds of every system, what is under way, what waits for a person."""
    answer(inside(home, statuses.status), shown_status, as_json=as_json)


def shown_status(s: statuses.Status) -> RenderableType:
    golden = ", ".join(f"{n:,} {entity}s" for entity, n in s.golden.items()) or "nothing yet"
    head = [("home", str(s.home)), ("golden records", golden)]
    if s.buried:
        head.append(("buried", f"{s.buried:,}"))
    facts: list[tuple[str, RenderableType | str]] = [*head]
    if s.in_doubt:
        facts.append(("in doubt", Text(f"{s.in_doubt:,} writes; the next sync looks first", style="yellow")))
    waits = Text(f"{s.issues:,} issues: `hub issues list`", style="yellow") if s.issues else Text("none", style="green")
    facts.append(("waiting for you", waits))
    if s.alerts:
        facts.append(("alerts", Text(f"{len(s.alerts):,} open: `hub alerts`", style="yellow")))
    if s.unwatched:
        since = tables.day_and_minute(s.unwatched).plain
        facts.append(("watched by", Text(f"nobody since {since}: alerts may be out of date", style="yellow")))
    if s.consent is not None and (s.consent.number or s.consent.open):
        facts.append(("consent", _latencies(s.consent)))
    facts += [(f"backfill {b.connection}/{b.stream}", _so_far(b)) for b in s.backfills]
    facts.append(("workers", _workers(s.workers)))
    if webs := [p for p in s.workers if p.role is Role.WEB]:
        facts.append(("webhooks", Text(f"taken by {len(webs)} on {_hosts(webs)}", style="green")))
    if not s.connections:
        return tables.stack(tables.facts(facts), tables.line("no connections yet: ", ("hub connections add", "bold")))
    table = tables.table(
        "connection",
        "state",
        "writes",
        "stream",
        "records",
        "due",
        "issues",
        "last read (UTC)",
        numbers=["records", "due", "issues"],
    )
    for c in s.connections:
        first = True
        for stream in c.streams or (None,):
            state = tables.state(c.state)
            name = [Text(c.name, style="bold"), state, tables.writing(c.writes)] if first else ["", "", ""]
            if stream is None:
                table.add_row(*name, Text("no mapped stream", style="dim"))
                continue
            read = tables.day_and_minute(stream.read_at)
            if stream.walking is not None:
                read.append(f" (+{stream.walking:,} so far)", style="cyan")
            table.add_row(
                *name,
                stream.stream,
                tables.number(stream.records),
                tables.number(stream.due),
                tables.number(c.issues, "issues") if first else "",
                read,
            )
            first = False
    broken = [tables.line((f"{c.name}: ", "bold"), (plain(c.reason), "red")) for c in s.connections if c.reason]
    alone = [_left_alone(c.circuit) for c in s.connections if c.circuit is not None]
    resting = [tables.line(("at rest: ", "yellow"), plain(why)) for c in s.connections for why in c.resting]
    return tables.stack(tables.facts(facts), table, *broken, *alone, *resting)


def _workers(present: Sequence[Worker]) -> Text:
    working = [p for p in present if p.role is Role.WORKER]
    if not working:
        return Text("none at work: `hub up`, or `hub sync` by hand", style="dim")
    doing = sorted(tour for worker in working for tour in worker.doing)
    said = Text(f"{len(working)} at work on {_hosts(working)}", style="green")
    return said.append(f": {', '.join(doing)}" if doing else "", style="dim")


def _hosts(present: Sequence[Worker]) -> str:
    return ", ".join(sorted({process.host for process in present}))


def _latencies(consent: Latencies) -> Text:
    """From seen anywhere to written everywhere."""
    said = Text()
    if consent.p50 is not None and consent.p99 is not None:
        changes = f"{consent.number:,} change{'s' if consent.number != 1 else ''}"
        said.append(f"p50 {consent.p50:,.1f} s, p99 {consent.p99:,.1f} s over 24 h ({changes})")
    if consent.open:
        since = tables.day_and_minute(consent.oldest_open).plain
        said.append(f"{'; ' if said else ''}{consent.open:,} on their way, the oldest seen {since}", style="yellow")
    return said


def _so_far(backfill: UnderWay) -> Text:
    of = f" of {backfill.total:,}" if backfill.total is not None else ""
    style = "cyan" if backfill.state in ("under way", "waiting") else "yellow"
    return Text(f"{backfill.read:,}{of} records, ").append(backfill.state, style=style)


def _left_alone(circuit: Circuit) -> Text:
    failed = f"{circuit.failures:,} failures since {tables.moment(circuit.since).plain}; " if circuit.failures else ""
    until = f"left alone until {tables.moment(circuit.until).plain}"
    return tables.line((f"{circuit.connection}: ", "bold"), (f"{failed}{until}: {plain(circuit.reason)}", "yellow"))


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
    table = tables.table("run", "started (UTC)", "job", "where", "state", "seconds", "what", numbers=["seconds"])
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
