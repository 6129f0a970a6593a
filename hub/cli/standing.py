"""How the hub stands, drawn: facts above, a table of streams, what is wrong below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hub.cli import tables
from hub.cli.screen import plain
from hub.domain.circuit import Circuit
from hub.domain.consent_change import Latencies
from hub.domain.worker import Role, Worker
from hub.operations.backfill import UnderWay
from hub.operations.status import Status, StreamStatus


def drawn(s: Status, before: Status | None = None) -> RenderableType:
    """`before`: an earlier look; what moved since is shown beside the numbers."""
    facts = tables.facts([*_facts(s)])
    if not s.connections:
        return tables.stack(facts, tables.line("no connections yet: ", ("hub connections add", "bold")))
    broken = [tables.line((f"{c.name}: ", "bold"), (plain(c.reason), "red")) for c in s.connections if c.reason]
    alone = [_left_alone(c.circuit) for c in s.connections if c.circuit is not None]
    resting = [tables.line(("at rest: ", "yellow"), plain(why)) for c in s.connections for why in c.resting]
    return tables.stack(facts, _streams(s, before), *broken, *alone, *resting)


def _facts(s: Status) -> Iterator[tuple[str, RenderableType | str]]:
    yield "home", str(s.home)
    yield "golden records", ", ".join(f"{n:,} {entity}s" for entity, n in s.golden.items()) or "nothing yet"
    if s.buried:
        yield "buried", f"{s.buried:,}"
    if s.in_doubt:
        yield "in doubt", Text(f"{s.in_doubt:,} writes; the next sync looks first", style="yellow")
    waits = Text(f"{s.issues:,} issues: `hub issues list`", style="yellow") if s.issues else Text("none", style="green")
    yield "waiting for you", waits
    if s.alerts:
        yield "alerts", Text(f"{len(s.alerts):,} open: `hub alerts`", style="yellow")
    if s.unwatched:
        since = tables.day_and_minute(s.unwatched).plain
        yield "watched by", Text(f"nobody since {since}: alerts may be out of date", style="yellow")
    if s.consent is not None and (s.consent.number or s.consent.open):
        yield "consent", _latencies(s.consent)
    for backfill in s.backfills:
        yield f"backfill {backfill.connection}/{backfill.stream}", _so_far(backfill)
    yield "workers", _workers(s.workers)
    if webs := [p for p in s.workers if p.role is Role.WEB]:
        yield "webhooks", Text(f"taken by {len(webs)} on {_hosts(webs)}", style="green")


def _streams(s: Status, before: Status | None) -> Table:
    """What was read and not heard yet has a column while there is any."""
    unheard = any(stream.unheard for c in s.connections for stream in c.streams)
    counts = ["records", *(["unheard"] if unheard else []), "due", "issues"]
    names = ("connection", "state", "writes", "stream")
    read = "last read (UTC)"
    table = tables.table(*names, *counts, read, numbers=counts, names=names, moments=[read], spare=["writes"])
    was = {(c.name, stream.stream): stream for c in before.connections for stream in c.streams} if before else {}
    for c in s.connections:
        name = (Text(c.name, style="bold"), tables.state(c.state), tables.writing(c.writes))
        issues = tables.number(c.issues, "issues")
        for stream in c.streams:
            table.add_row(*name, *_stream(stream, was.get((c.name, stream.stream)), unheard, issues))
            name, issues = (Text(), Text(), Text()), Text()
        if not c.streams:
            table.add_row(*name, Text("no mapped stream", style="dim"))
    return table


def _stream(stream: StreamStatus, was: StreamStatus | None, unheard: bool, issues: Text) -> list[Text]:
    read = tables.day_and_minute(stream.read_at)
    if stream.walking is not None:
        read.append(f" (+{stream.walking:,} so far)", style="cyan")
    return [
        Text(stream.stream),
        tables.moved(stream.records, was.records if was else None),
        *([tables.moved(stream.unheard, was.unheard if was else None)] if unheard else []),
        tables.moved(stream.due, was.due if was else None),
        issues,
        read,
    ]


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
