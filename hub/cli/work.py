"""`hub sync`, `hub backfill`, `hub plan`, `hub verify`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.progress import Bars
from hub.cli.screen import answer, cut, plain
from hub.domain.plan import Change, Op
from hub.operations import backfill as backfills
from hub.operations import plan as plans
from hub.operations import sync as syncs
from hub.operations import verify as verifications

DIFFERENCES = 2
NEEDS_PERSON = 3

OPS = {Op.CREATE: ("create", "green"), Op.UPDATE: ("update", "cyan"), Op.REMOVE: ("remove", "bold red")}

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
        verdict = tables.line(("not quiet ", "yellow"), f"after {rounds}: `hub sync --until-quiet` goes on")
    troubles = [tables.line((f"{name}: ", "bold"), (plain(why), "red")) for name, why in done.failed.items()]
    parked = [tables.line((f"{name}: ", "bold"), (plain(why), "yellow")) for name, why in done.parked.items()]
    asleep = [n for n, c in done.connections.items() if not c.writes]
    notice = tables.line(("read-only: ", "yellow"), ", ".join(asleep), "; see `hub plan`") if asleep else None
    return tables.stack(counts_table(dict(done.connections)), verdict, notice, *troubles, *parked)


def plan(
    connection: Connection = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many changes to list; all are counted.")] = 40,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """What the hub would write now, and why, without writing. Exit code 2 when there is anything."""
    planned = inside(home, lambda hub: plans.plan(hub, connection, limit=None if as_json else limit))
    code = NEEDS_PERSON if planned.brakes else DIFFERENCES if planned.total else 0
    answer(planned, shown_plan, as_json=as_json, code=code)


def shown_plan(planned: plans.Planned) -> RenderableType:
    if not planned.total and not planned.brakes:
        return tables.line(("nothing to write: ", "green"), "every system holds what the hub wants it to hold")
    parts: list[RenderableType] = [plan_summary(planned)]
    if planned.changes:
        parts.append(_changes(planned.changes))
    if len(planned.changes) < planned.total:
        parts.append(tables.line((f"… and {planned.total - len(planned.changes):,} more; --limit N or --json", "dim")))
    parts += [
        tables.line(("brake: ", "bold yellow"), (brake.connection, "bold"), f": {brake}") for brake in planned.brakes
    ]
    return tables.stack(*parts)


def plan_summary(planned: plans.Planned) -> RenderableType:
    """How much would be written where."""
    table = tables.table(
        "would write to",
        "stream",
        "create",
        "update",
        "clear fields",
        "remove",
        "writing",
        numbers=["create", "update", "clear fields", "remove"],
    )
    for s in planned.summary:
        may = Text("allowed", style="green") if s.writes else Text("read-only", style="yellow")
        table.add_row(
            Text(s.connection, style="bold"),
            s.stream,
            tables.number(s.creates),
            tables.number(s.updates),
            tables.number(s.clears, "refused"),
            tables.number(s.removes, "removed"),
            may,
        )
    return table


def _changes(changes: tuple[Change, ...]) -> RenderableType:
    table = tables.table("system", "record", "field", "now", "then", "because")
    before = ""
    for change in changes:
        where = f"{change.connection}/{change.stream}"
        word, style = OPS[change.op]
        record = Text(f"{word} ", style=style).append(cut(change.remote_id or change.key or "", 30), style="bold")
        for i, cell in enumerate(change.cells or (None,)):
            first = i == 0
            system = Text(where if first and where != before else "", style="bold")
            if cell is None:
                table.add_row(system, record, "", "", "", tables.text(change.reason, "dim"))
                continue
            because = " ".join(w for w in (cell.rule, f"from {cell.origin}" if cell.origin else "") if w)
            table.add_row(
                system,
                record if first else "",
                cell.field,
                Text(cut(cell.before, 28), style="dim"),
                Text(cut(cell.after, 28) or "(blank)"),
                tables.text(because, "dim"),
            )
        before = where
    return table


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
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="Which connection.")],
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="Which stream, e.g. contacts.")],
    since: Annotated[
        str | None, typer.Option(help="From when: 2025-01-31, 2025-01-31T08:00Z, 90d, 12h. Default: the beginning.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until when, in the same forms. Default: now.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read, and read nothing.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Read a stream's past again, beside the live reading. A backfill that was stopped goes on where it stood."""
    with Bars() as bars:
        done = inside(
            home,
            lambda hub: backfills.backfill(hub, connection, stream, since, until, dry_run=dry_run, progress=bars),
        )
    answer(done, _backfilled, as_json=as_json, code=0 if done.ok else 1)


def _backfilled(done: backfills.Backfilled) -> RenderableType:
    window = f"{done.since or 'the beginning'} to {done.until}"
    rows: list[tuple[str, RenderableType | str]] = [
        ("stream", f"{done.connection}/{done.stream}"),
        ("window (UTC)", window),
        ("held now", f"{done.held:,} records"),
    ]
    if done.resumes:
        rows.append(("resumes", "a backfill of this stream was stopped; it goes on where it stood"))
    rows += [(name.replace("_", " "), f"{n:,}") for name, n in done.counts.items() if n]
    head = ("would read ", "yellow") if done.dry_run else ("read ", "green")
    return tables.stack(tables.line(head, (f"{done.connection}/{done.stream}", "bold")), tables.facts(rows))
