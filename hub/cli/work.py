"""`hub sync`, `hub backfill`, `hub plan`, `hub verify`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import changes, tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.progress import Bars
from hub.cli.screen import answer, cut, plain
from hub.domain.connection import ConnectionState
from hub.errors import BadInput
from hub.operations import backfill as backfills
from hub.operations import plan as plans
from hub.operations import sync as syncs
from hub.operations import verify as verifications

DIFFERENCES = 2
NEEDS_PERSON = 3

Connection = Annotated[str | None, typer.Argument(metavar="[CONNECTION]", help="Only this connection; otherwise all.")]


def register(app: typer.Typer) -> None:
    app.command()(sync)
    app.command()(plan)
    app.command()(verify)
    app.command()(backfill)


def sync(
    connection: Connection = None,
    until_quiet: Annotated[
        bool, typer.Option("--until-quiet", help="Go on, round after round, until nothing is left to do.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Read what changed, match it, and write where writing is allowed."""
    with Bars() as bars:
        done = inside(home, lambda hub: syncs.sync(hub, connection, until_quiet=until_quiet, progress=bars))
    answer(done, synced, as_json=as_json, code=_sync_code(done))


def _sync_code(done: syncs.Synced) -> int:
    if done.failed:
        return 1
    return NEEDS_PERSON if done.parked else 0


COUNTS = ("read", "created", "updated", "unchanged", "removed", "refused", "later", "in_doubt", "issues", "api_calls")


def counts_table(connections: dict[str, syncs.ConnectionCounts], title: str = "") -> RenderableType:
    """One line per connection and a sum, a column per count; columns in which nothing happened and nothing could
    worry are left out."""
    always = ("read", "created", "updated", "unchanged", "refused", "issues", "api_calls")
    shown = [n for n in COUNTS if n in always or any(c.counts.get(n, 0) for c in connections.values())]
    heads = [n.replace("_", " ").replace("api calls", "API calls") for n in shown]
    table = tables.table("connection", *heads, title=title, numbers=heads)
    for name, c in connections.items():
        table.add_row(Text(name, style="bold"), *(tables.number(c.counts.get(n, 0), n) for n in shown))
    if len(connections) > 1:
        table.add_section()
        sums = {n: sum(c.counts.get(n, 0) for c in connections.values()) for n in shown}
        table.add_row(Text("all", style="dim"), *(tables.number(sums[n], n) for n in shown))
    return table


def synced(done: syncs.Synced) -> RenderableType:
    rounds = f"{done.rounds} round{'s' if done.rounds != 1 else ''}"
    if done.quiet:
        verdict = tables.line(("quiet ", "green"), f"after {rounds}: nothing is left to do")
    else:
        verdict = tables.line(f"{rounds} done; ", ("hub sync --until-quiet", "bold"), " goes on until nothing is left")
    troubles = [tables.line((f"{name}: ", "bold"), (plain(why), "red")) for name, why in done.failed.items()]
    parked = [tables.line((f"{name}: ", "bold"), (plain(why), "yellow")) for name, why in done.parked.items()]
    asleep = [n for n, c in done.connections.items() if c.writes is False]
    notice = tables.line(("read-only: ", "yellow"), ", ".join(asleep), "; see `hub plan`") if asleep else None
    paused = [n for n, c in done.connections.items() if c.state == ConnectionState.PAUSED]
    rest = tables.line(("paused, not read: ", "yellow"), ", ".join(paused)) if paused else None
    return tables.stack(counts_table(dict(done.connections)), verdict, notice, rest, *troubles, *parked)


def plan(
    connection: Connection = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many changes to list; all are counted.")] = 40,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """What the hub would write now, and why, without writing. Exit code 2 when there is anything."""
    planned = inside(home, lambda hub: plans.plan(hub, connection, limit=None if as_json else limit))
    code = NEEDS_PERSON if planned.brakes else DIFFERENCES if planned.total else 0
    answer(planned, changes.drawn, as_json=as_json, code=code)


def verify(
    connection: Connection = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many differences to list.")] = 40,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare the store with what every system holds now. Exit code 2 when anything differs."""
    with Bars() as bars:
        found = inside(home, lambda hub: verifications.verify(hub, connection, progress=bars))
    code = 1 if found.failed else DIFFERENCES if found.differ else 0
    answer(found, lambda v: verified(v, limit), as_json=as_json, code=code)


def verified(v: verifications.Verified, limit: int) -> RenderableType:
    counts = tables.line(
        (f"{v.agree:,} agree", "green"),
        ", ",
        (f"{v.differ:,} differ", "bold red" if v.differ else "green"),
        ", ",
        (f"{v.unknown:,} unknown", "yellow" if v.unknown else "green"),
    )
    if v.held_back:
        counts.append(f"; in {v.held_back:,} that agree, an undo holds a value back until it moves", style="dim")
    failed = [tables.line((f"{name}: ", "bold"), (plain(why), "red")) for name, why in v.failed.items()]
    if not v.differences:
        return tables.stack(counts, *failed)
    reasons = tables.table("reason", "differences", numbers=["differences"])
    for reason, n in v.reasons.items():
        reasons.add_row(reason, f"{n:,}")
    table = tables.table("system", "record", "field", "the hub holds", "it holds", "reason")
    for d in v.differences[:limit]:
        table.add_row(
            Text(f"{d.connection}/{d.stream}", style="bold"),
            tables.text(d.remote_id),
            d.field,
            tables.text(cut(d.store, 28)),
            tables.text(cut(d.remote, 28)),
            tables.text(d.reason, "dim"),
        )
    more = len(v.differences) - limit
    return tables.stack(
        counts,
        *failed,
        reasons,
        table,
        tables.line((f"… and {more:,} more; --limit N or --json", "dim")) if more > 0 else None,
    )


def backfill(
    connection: Annotated[str | None, typer.Argument(metavar="CONNECTION", help="Which connection.")] = None,
    stream: Annotated[str | None, typer.Argument(metavar="STREAM", help="Which stream, e.g. contacts.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From when: 2025-01-31, 2025-01-31T08:00Z, 90d, 12h. Default: the beginning.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until when, in the same forms. Default: now.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read, and read nothing.")] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Only begin it: `hub worker` or `hub up` reads it, beside all else.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show those that are under way.")] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Forget those that are under way; keep what was read.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Read a stream's past again, beside the live reading. A backfill that was stopped goes on where it stood."""
    if listed:
        found = inside(home, lambda hub: backfills.under_way(hub, connection, stream))
        answer(found, _under_way, as_json=as_json)
    if connection is None or (stream is None and not cancel):
        raise BadInput("which connection and stream?", mend="hub backfill CONNECTION STREAM, or hub backfill --list")
    if cancel:
        gone = inside(home, lambda hub: backfills.cancel(hub, connection, stream, since, until))
        answer(gone, _under_way, as_json=as_json)
    with Bars() as bars:
        done = inside(
            home,
            lambda hub: backfills.backfill(
                hub, connection, stream or "", since, until, dry_run=dry_run, background=background, progress=bars
            ),
        )
    answer(done, _backfilled, as_json=as_json, code=0 if done.ok else 1)


def _under_way(found: backfills.Backfills) -> RenderableType:
    if not found.backfills:
        return tables.line("no backfill is under way: ", ("hub backfill CONNECTION STREAM --background", "bold"))
    table = tables.table(
        "stream", "from (UTC)", "to (UTC)", "read", "of", "state", "began (UTC)", numbers=["read", "of"]
    )
    for b in found.backfills:
        table.add_row(
            Text(f"{b.connection}/{b.stream}", style="bold"),
            tables.day_and_minute(b.since) if b.since else "the beginning",
            tables.day_and_minute(b.until),
            tables.number(b.read),
            tables.number(b.total),
            Text("cancelled", style="yellow") if found.cancelled else tables.state(b.state),
            tables.day_and_minute(b.began_at),
        )
    return table


def _backfilled(done: backfills.Backfilled) -> RenderableType:
    window = f"{done.since or 'the beginning'} to {done.until or 'now'}"
    rows: list[tuple[str, RenderableType | str]] = [
        ("stream", f"{done.connection}/{done.stream}"),
        ("window (UTC)", window),
        ("held now", f"{done.held:,} records"),
    ]
    if done.resumes and not done.background:
        rows.append(("resumes", "a backfill of this stream was stopped; it goes on where it stood"))
    if done.background:
        goes_on = (
            "this span was read already" if done.finished else "workers read it; `hub backfill --list` shows how far"
        )
        rows.append(("now", goes_on))
    rows += [(name.replace("_", " "), f"{n:,}") for name, n in done.counts.items() if n]
    if done.effort is not None:
        effort = done.effort
        rows.append(("would take", f"about {effort.calls:,} calls for {effort.records:,} records that are known of it"))
        rows.append(("at least", f"{tables.duration(effort.seconds)}, within backfill's share of the quota"))
        if effort.left_today is not None:
            rows.append(("left today", f"{effort.left_today:,} calls for backfills"))
    head = (
        ("would read ", "yellow") if done.dry_run else ("begun: ", "green") if done.background else ("read ", "green")
    )
    return tables.stack(tables.line(head, (f"{done.connection}/{done.stream}", "bold")), tables.facts(rows))
