"""How an explanation is drawn: the copies of an entity, its fields with who said them, its consent, its writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hub.cli import tables
from hub.cli.screen import cut, plain
from hub.operations.explain import (
    SAME,
    ConsentExplained,
    Copy,
    Explanation,
    FieldExplained,
    Push,
    Voice,
    source_of,
)

BLANK = "(blank)"
ELEMENT = ("added", "removed")


def drawn(e: Explanation, *, whole: bool) -> RenderableType:
    """`whole`: one field was asked for, so everything known of it is shown, its history too."""
    merged = f", absorbed by {e.merged_into}" if e.merged_into else ""
    short = labels(e.copies)
    return tables.stack(
        tables.line((f"{e.entity} ", "dim"), (e.entity_id, "bold"), " ", tables.state(e.state), (merged, "dim")),
        _copies(e.copies, short) if e.copies else None,
        _fields(e.fields, short, whole=whole) if e.fields else None,
        consents(e.consent, short) if e.consent else None,
        *lifts(e.consent),
        *(_history(f, short) for f in e.fields if whole and f.changes),
        _pushes(e.pushes, short) if e.pushes else None,
    )


def labels(copies: Sequence[Copy]) -> dict[str, str]:
    """A short name for each copy: its stream, numbered where the entity has several records there."""
    streams = Counter(f"{c.connection}/{c.stream}" for c in copies)
    seen: Counter[str] = Counter()
    short = {}
    for c in copies:
        stream = f"{c.connection}/{c.stream}"
        seen[stream] += 1
        short[f"{stream}/{c.remote_id}"] = stream if streams[stream] == 1 else f"{stream} #{seen[stream]}"
    return short


def _copies(copies: Sequence[Copy], short: Mapping[str, str]) -> Table:
    table = tables.table("known in", "record", "state")
    for c in copies:
        state = tables.state(c.state)
        if not c.in_scope:
            state.append(" out of scope", style="yellow")
        label = short[f"{c.connection}/{c.stream}/{c.remote_id}"]
        table.add_row(Text(label, style="bold"), tables.text(c.remote_id), state)
    return table


def _fields(fields: Sequence[FieldExplained], short: Mapping[str, str], *, whole: bool) -> Table:
    table = tables.table("field", "value", "said by", "when (UTC)", "rule, or why it lost")
    for f in fields:
        alike = [short.get(v.source, v.source) for v in f.voices if not v.wins and v.why == SAME]
        rule = Text(f.rule)
        if alike:
            rule.append(f"; so {'says' if len(alike) == 1 else 'say'} {', '.join(alike)}", style="dim")
        table.add_row(
            Text(f.field, style="bold"),
            Text(cut(f.value, 200 if whole else 40) or BLANK, style="green"),
            tables.text(short.get(f.source, f.source)),
            tables.day_and_minute(f.at),
            rule,
        )
        for v in f.voices:
            if not v.wins and v.why != SAME and (whole or v.why not in ELEMENT):
                _voice(table, v, short)
    return table


def _voice(table: Table, v: Voice, short: Mapping[str, str]) -> None:
    table.add_row(
        "",
        Text(cut(v.value, 40) or BLANK, style="dim"),
        tables.text(short.get(v.source, v.source), "dim"),
        tables.day_and_minute(v.at),
        tables.text("; ".join(w for w in (v.why, v.evidence) if w), "dim"),
    )


def lifts(told: Sequence[ConsentExplained]) -> list[Text]:
    """What would lift each denial."""
    return [tables.line((f"{c.channel} is denied; what lifts it: ", "yellow"), c.lift) for c in told if c.lift]


def consents(told: Sequence[ConsentExplained], short: Mapping[str, str]) -> Table:
    """Each channel with who said what, when, with what evidence."""
    table = tables.table("consent", "state", "said by", "since (UTC)", "evidence, or why it lost")
    for c in told:
        table.add_row(
            Text(c.channel, style="bold"),
            tables.state(c.state),
            tables.text(short.get(c.source, c.source)),
            tables.day_and_minute(c.at),
            tables.text(c.evidence),
        )
        for v in c.voices:
            if not v.wins:
                _voice(table, v, short)
    return table


def _history(f: FieldExplained, short: Mapping[str, str]) -> Table:
    table = tables.table("changed (UTC)", "from", "to", "rule", "said by", title=f"history of {f.field}")
    for change in f.changes:
        source = source_of(change.address)
        table.add_row(
            tables.moment(change.at),
            Text(cut(change.before, 30) or BLANK, style="dim"),
            Text(cut(change.after, 30) or BLANK),
            change.rule,
            tables.text(short.get(source, source)),
        )
    return table


def _pushes(pushes: Sequence[Push], short: Mapping[str, str]) -> Table:
    table = tables.table("pushed (UTC)", "to", "what", "outcome")
    for p in pushes:
        outcome = tables.state(p.state.replace("_", " "))
        if p.said:
            outcome.append(f" {plain(p.said)}", style="yellow")
        source = f"{p.connection}/{p.stream}/{p.remote_id}"
        what = f"{p.op} {', '.join(p.fields)}"
        table.add_row(tables.moment(p.at), short.get(source, f"{p.connection}/{p.stream}"), what, outcome)
    return table
