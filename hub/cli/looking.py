"""`hub status`, `hub runs`, `hub explain`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer, cut, plain
from hub.operations import explain as explanations
from hub.operations import status as statuses


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
    if not s.connections:
        return tables.stack(tables.facts(facts), tables.line("no connections yet: ", ("hub connections add", "bold")))
    table = tables.table(
        "connection",
        "state",
        "writes",
        "stream",
        "records",
        "to tell",
        "issues",
        "last read (UTC)",
        numbers=["records", "to tell", "issues"],
    )
    for c in s.connections:
        first = True
        for stream in c.streams or (None,):
            state = tables.state(c.state)
            writes = Text("allowed", style="green") if c.writes else Text("read-only", style="yellow")
            name = [Text(c.name, style="bold"), state, writes] if first else ["", "", ""]
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
    return tables.stack(tables.facts(facts), table, *broken)


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
    table = tables.table("started (UTC)", "job", "where", "state", "seconds", "what", numbers=["seconds"])
    for run in answered.runs:
        where = "/".join(w for w in (run.connection, run.stream) if w)
        what = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in run.counts.items() if n)
        lane = "" if run.lane == "live" else f" ({run.lane})"
        table.add_row(
            tables.moment(run.started_at),
            run.job + lane,
            where,
            tables.state(run.state.value),
            statuses.seconds(run),
            Text(what).append(f" {plain(run.note)}" if run.note else "", style="yellow"),
        )
    return table


def explain(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="contact or campaign")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="An e-mail, a hub id, a vendor's id.")],
    field: Annotated[str | None, typer.Argument(metavar="[FIELD]", help="Only this field, with everything.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Why a record is as it is: value, origin, rule, what lost and why, where it was pushed."""
    told = inside(home, lambda hub: explanations.explain(hub, entity, key, field))
    answer(told, lambda e: shown_explanation(e, whole=field is not None), as_json=as_json)


def shown_explanation(e: explanations.Explanation, *, whole: bool) -> RenderableType:
    merged = f", absorbed by {e.merged_into}" if e.merged_into else ""
    head = tables.line((f"{e.entity} ", "dim"), (e.entity_id, "bold"), " ", tables.state(e.state), (merged, "dim"))
    copies = tables.table("known in", "record", "state")
    for c in e.copies:
        state = tables.state(c.state)
        if not c.in_scope:
            state.append(" out of scope", style="yellow")
        copies.add_row(Text(f"{c.connection}/{c.stream}", style="bold"), tables.text(c.remote_id), state)
    parts: list[RenderableType | None] = [head, copies if e.copies else None]
    if e.fields:
        parts.append(_fields(e.fields))
    if e.consent:
        parts.append(_consent(e.consent))
    if whole:
        parts += [_history(f) for f in e.fields if f.changes]
    if e.pushes:
        parts.append(_pushes(e.pushes))
    return tables.stack(*parts)


def _fields(fields: tuple[explanations.FieldExplained, ...]) -> RenderableType:
    table = tables.table("field", "value", "said by", "when (UTC)", "rule, or why it lost")
    for f in fields:
        table.add_row(
            Text(f.field, style="bold"),
            Text(cut(f.value, 40) or "(blank)", style="green"),
            tables.text(f.source),
            tables.day_and_minute(f.at),
            f.rule,
        )
        for v in f.voices:
            if v.wins:
                continue
            table.add_row(
                "",
                Text(cut(v.value, 40) or "(blank)", style="dim"),
                tables.text(v.source, "dim"),
                tables.day_and_minute(v.at),
                tables.text(v.why, "dim"),
            )
    return table


def _consent(consents: tuple[explanations.ConsentExplained, ...]) -> RenderableType:
    table = tables.table("consent", "state", "said by", "since (UTC)", "evidence")
    for c in consents:
        table.add_row(
            Text(c.channel, style="bold"),
            tables.state(c.state),
            tables.text(c.source),
            tables.day_and_minute(c.at),
            tables.text(c.evidence),
        )
        for v in c.voices:
            if not v.wins:
                table.add_row(
                    "",
                    tables.text(v.value, "dim"),
                    tables.text(v.source, "dim"),
                    tables.day_and_minute(v.at),
                    tables.text(v.why, "dim"),
                )
    return table


def _history(f: explanations.FieldExplained) -> RenderableType:
    table = tables.table("changed (UTC)", "from", "to", "rule", "said by", title=f.field)
    for change in f.changes:
        table.add_row(
            tables.moment(change.at),
            tables.text(cut(change.before, 30), "dim"),
            Text(cut(change.after, 30) or "(blank)"),
            change.rule,
            tables.text(explanations.source_of(change.address)),
        )
    return table


def _pushes(pushes: tuple[explanations.Push, ...]) -> RenderableType:
    table = tables.table("pushed (UTC)", "to", "record", "what", "outcome")
    for p in pushes:
        outcome = tables.state(p.state.replace("_", " "))
        if p.said:
            outcome.append(f" {plain(p.said)}", style="yellow")
        table.add_row(
            tables.moment(p.at),
            f"{p.connection}/{p.stream}",
            tables.text(p.remote_id),
            f"{p.op} {', '.join(p.fields)}",
            outcome,
        )
    return table
