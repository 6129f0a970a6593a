"""How the plan of an edit, and what came of it, is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from hub.cli import changes, tables
from hub.cli.screen import cut, plain
from hub.operations.mappings.effort import Quota
from hub.operations.mappings.names import VersionLine
from hub.operations.mappings.plans import EditPlanned, EditShare
from hub.operations.mappings.releases import Released, Told

REFUSALS_MOST = 10
FIELDS_MOST = 12


def drawn(planned: EditPlanned, publish: str) -> RenderableType:
    """The whole plan; `publish` is the command that publishes it, but for its options."""
    more = planned.total - len(planned.rows)
    return tables.stack(
        *(_heading(version, planned) for version in planned.versions),
        _summary(planned.shares) if planned.shares else None,
        _fields(planned),
        changes.changes(planned.rows) if planned.rows else None,
        tables.line((f"… and {more:,} more; --limit N, --rows FILE.jsonl or --json", "dim")) if more > 0 else None,
        _refusals(planned),
        *_notices(planned),
        _cost(planned.quotas),
        _ending(planned, publish),
    )


def _heading(version: VersionLine, planned: EditPlanned) -> RenderableType:
    words = Text.assemble(
        "plan of ", (version.name, "bold"), f" version {version.version} in place of {version.parent}",
        (f"  by {plain(version.who)}{': ' + plain(version.why) if version.why else ''}", "dim"),
    )  # fmt: skip
    if version.name in planned.same:
        words.append("\nit means what holds already: only comments, examples or layout differ", style="dim")
    if version.rivals and not version.stale:
        others = ", ".join(map(str, version.rivals))
        were = "versions {} were" if len(version.rivals) > 1 else "version {} was"
        words.append(f"\n{were.format(others)} made from {version.parent}, too: publishing one makes the others stale")
    return words


def _summary(shares: Sequence[EditShare]) -> RenderableType:
    numbers = ("create", "update", "clear", "remove", "consent", "calls")
    table = tables.table("would write to", *numbers, "writing", numbers=numbers)
    for s in shares:
        table.add_row(
            Text(f"{s.connection}/{s.stream}", style="bold"),
            tables.number(s.creates),
            tables.number(s.updates),
            tables.number(s.clears, "refused"),
            tables.number(s.removes, "removed"),
            tables.number(s.consents),
            tables.number(s.calls),
            Text("unusable", style="red") if s.writes is None else tables.writing(s.writes),
        )
    return table


def _fields(planned: EditPlanned) -> RenderableType | None:
    """Cells by field, at each system and at the hub itself."""
    rows: list[tuple[str, RenderableType | str]] = [
        (f"fields of {s.connection}/{s.stream}", _counted(s.fields)) for s in planned.shares if s.fields
    ]
    if planned.golden:
        rows.append(("golden values", _counted(planned.golden)))
    if planned.unreadable:
        rows.append(("unreadable", Text(f"{_counted(planned.unreadable)}; each opens an issue", style="yellow")))
    if planned.readable:
        rows.append(("readable at last", _counted(planned.readable)))
    if planned.measures:
        rows.append(("measured anew", f"{_counted(planned.measures)} records"))
    withdrawn = {f"{s.connection}/{s.stream}": s.withdrawn for s in planned.shares if s.withdrawn}
    if withdrawn:
        rows.append(("no more due", f"{_counted(withdrawn)} (writes that wait now)"))
    return tables.facts(rows) if rows else None


def _counted(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {n:,}" for name, n in list(counts.items())[:FIELDS_MOST]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more > 0 else "")


def _refusals(planned: EditPlanned) -> RenderableType | None:
    if not planned.refused:
        return None
    table = tables.table("would be refused", "record", "field", "since")
    for r in planned.refusals[:REFUSALS_MOST]:
        where = Text(f"{r.connection}/{r.stream}", style="bold")
        table.add_row(where, tables.text(cut(r.remote_id or r.entity_id, 24)), r.field, tables.text(r.why, "yellow"))
    more = planned.refused - min(len(planned.refusals), REFUSALS_MOST)
    return tables.stack(table, tables.line((f"… and {more:,} more; --json", "dim")) if more > 0 else None)


def _notices(planned: EditPlanned) -> Iterator[RenderableType]:
    """What a person has to look at, the worst last."""
    for unread in planned.unread:
        where, paths = f"{unread.connection}/{unread.stream}", ", ".join(unread.paths)
        yield tables.line(
            ("never read: ", "bold yellow"),
            f"{plain(paths)} of {where} ({unread.records:,} records); what it holds is not in this plan. ",
            ("--read", "bold"),
            " reads it first",
        )
    asleep = [s.connection for s in planned.shares if s.writes is False and (s.creates or s.updates or s.removes)]
    if asleep:
        names = ", ".join(dict.fromkeys(asleep))
        yield tables.line(("read-only: ", "yellow"), f"{names}; nothing is told there before it may be written to")
    for brake in planned.brakes:
        yield tables.line(("brake: ", "bold yellow"), (brake.connection, "bold"), f": {brake}; publishing agrees to it")
    if planned.destructive:
        said = ", ".join(f"{n:,} {name}" for name, n in planned.destructive.items())
        yield tables.line(
            ("DESTRUCTIVE: ", "bold red"), (said, "bold"), "; publishing needs ", (_allow(planned), "bold")
        )
    for version in planned.stale:
        yield tables.line(
            ("stale: ", "bold red"),
            f"{version.name} version {version.version} was made from {version.parent}, which holds no more; "
            "this plan takes back what was published since. It cannot be published: ",
            (f"hub mappings edit {version.name} --from-version {version.version} --editor", "bold"),
        )


def _allow(planned: EditPlanned) -> str:
    return f"--allow {','.join(planned.destructive)}"


def _cost(quotas: Sequence[Quota]) -> RenderableType | None:
    if not quotas:
        return None
    rows: list[tuple[str, RenderableType | str]] = []
    for q in quotas:
        said = f"{q.calls:,} calls, about {tables.duration(q.seconds)}"
        if q.limit is not None and q.share is not None:
            left = f"; {q.spent:,} of {q.limit:,} made today" if q.spent else f" of {q.limit:,}"
            share = f"{q.share:.1%}" if q.share >= 0.001 else "less than 0.1%"
            said += f", {share} of the day's quota{left}"
        rows.append((f"cost at {q.connection}", said))
    return tables.facts(rows)


def _ending(planned: EditPlanned, publish: str) -> RenderableType:
    allow = f" {_allow(planned)}" if planned.destructive else ""
    command = tables.line("publish: ", (f"{publish} --plan {planned.hash}{allow}", "bold"))
    if planned.stale:
        return tables.line(("plan ", "dim"), (planned.hash, "dim"))
    if planned.differences:
        return command
    said = "nothing would change in any system" if planned.judged else "no record is touched"
    return tables.stack(tables.line((said, "green")), command)


# -- what came of it ------------------------------------------------------------------------------------------------

OUTCOMES = ("created", "updated", "removed", "unchanged", "refused", "later", "in_doubt", "api_calls")


def released(done: Released) -> RenderableType:
    heads = [
        tables.line(("published ", "green"), (name, "bold"), f" version {number}")
        for name, number in done.versions.items()
    ]
    heard = done.reread.get("heard", 0)
    read = tables.line((f"{heard:,} records were read again", "dim")) if heard else None
    left = [t.connection for t in done.told if not t.writes]
    return tables.stack(
        *heads,
        read,
        _told(done.told) if done.told else None,
        tables.line(("read-only: ", "yellow"), ", ".join(left), "; see `hub plan`") if left else None,
        *(tables.line((f"{t.connection}: ", "bold"), (plain(t.failed), "red")) for t in done.told if t.failed),
        *(tables.line((f"{t.connection}: ", "bold"), (plain(t.parked), "yellow")) for t in done.told if t.parked),
        _left(done),
    )


def _told(told: Sequence[Told]) -> RenderableType | None:
    """Planned beside done, a line for each system."""
    shown = [n for n in OUTCOMES if n in OUTCOMES[:2] or any(t.counts.get(n) for t in told)]
    heads = [n.replace("_", " ").replace("api calls", "API calls") for n in shown]
    table = tables.table("told", "planned", *heads, numbers=heads)
    for t in told:
        planned = ", ".join(f"{n:,} {what}" for what, n in t.planned.items() if n)
        cells = [tables.number(t.counts.get(n, 0), n) for n in shown]
        table.add_row(Text(t.connection, style="bold"), planned, *(cells if t.writes else [""] * len(cells)))
    return table


def _left(done: Released) -> RenderableType | None:
    if done.left and done.plan.total:
        return tables.line("nothing was told yet: ", ("hub sync", "bold"), " tells the systems")
    if not done.plan.total:
        return tables.line(("nothing had to be told to any system", "green"))
    return None
