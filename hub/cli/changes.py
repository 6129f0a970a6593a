"""How a plan is drawn: what would be written, by system, record and field, with the rule that decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.cells import set_cell_size
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from hub.cli import tables
from hub.cli.screen import cut, plain
from hub.domain.plan import Cell, Change, Op
from hub.operations.plan import Planned

OPS = {Op.CREATE: ("create", "green"), Op.UPDATE: ("update", "cyan"), Op.REMOVE: ("remove", "bold red")}
USUAL = ("not there yet", "differs from the golden record")
"""Reasons that the word before them says already."""
FIELD, NOW, THEN = 17, 26, 26
"""Columns of a changed field."""


def drawn(planned: Planned) -> RenderableType:
    """The whole plan: sums, the first changes, what stands in the way."""
    if not planned.total and not planned.brakes and not planned.waiting:
        return tables.stack(
            tables.line(("nothing to write: ", "green"), "every system holds what the hub wants it to hold"),
            _notes(planned),
        )
    more = planned.total - len(planned.changes)
    return tables.stack(
        summary(planned),
        changes(planned.changes) if planned.changes else None,
        tables.line((f"… and {more:,} more; --limit N or --json", "dim")) if more > 0 else None,
        _notes(planned),
        *(tables.line(("brake: ", "bold yellow"), (b.connection, "bold"), f": {b}") for b in planned.brakes),
    )


def summary(planned: Planned) -> RenderableType:
    """How much would be written where."""
    numbers = ("create", "update", "clear fields", "remove")
    table = tables.table("would write to", "stream", *numbers, "writing", numbers=numbers)
    for s in planned.summary:
        table.add_row(
            Text(s.connection, style="bold"),
            s.stream,
            tables.number(s.creates),
            tables.number(s.updates),
            tables.number(s.clears, "refused"),
            tables.number(s.removes, "removed"),
            tables.writing(s.writes),
        )
    return table


def _notes(planned: Planned) -> RenderableType | None:
    """Why something is not written, and what waits."""
    lines = [tables.line((f"{n:,} × ", "dim"), (plain(note), "dim")) for note, n in planned.notes.items()]
    if planned.waiting:
        lines.append(
            tables.line((f"{planned.waiting:,} wait: a write of theirs is in doubt and is looked up first", "yellow"))
        )
    return Group(*lines) if lines else None


def changes(listed: Sequence[Change]) -> RenderableType:
    """The changes under the system they would be written to."""
    parts: list[RenderableType] = []
    for (connection, stream), group in groupby(listed, key=lambda c: (c.connection, c.stream)):
        if parts:
            parts.append(Text(""))
        parts.append(Text(f"{connection}/{stream}", style="bold underline"))
        for change in group:
            parts += _change(change)
    return Group(*parts)


def _change(change: Change) -> Iterator[RenderableType]:
    """A head with the record, then its fields: a line each for an update, run on for a create."""
    word, style = OPS[change.op]
    said = {(c.rule, c.origin) for c in change.cells}
    one = _because(change.cells[0]) if len(said) == 1 else ""
    key = change.remote_id or (change.key.value if change.key is not None else change.entity_id)
    reason = "; ".join(w for w in ("" if change.reason in USUAL else change.reason, one) if w)
    yield tables.line((f"{word} ", style), (cut(key, 44), "bold"), (f"  {plain(reason)}" if reason else "", "dim"))
    if change.op is Op.CREATE:
        yield Padding(_run_on(change.cells), (0, 0, 0, 7))
        return
    for cell in change.cells:
        yield _line(cell, "" if one else _because(cell))


def _because(cell: Cell) -> str:
    return f"{cell.rule}: {cell.origin}" if cell.origin else cell.rule


def _run_on(cells: Sequence[Cell]) -> Text:
    return Text("  · ", style="dim").join(
        Text.assemble((f"{cell.field} ", "dim"), (cut(cell.after, 40), "not dim")) for cell in cells
    )


def _line(cell: Cell, because: str) -> Text:
    """`field  now → then  because`, in columns."""
    return Text.assemble(
        ("       " + set_cell_size(cut(cell.field, FIELD), FIELD + 1), ""),
        (set_cell_size(cut(cell.before, NOW) or "(blank)", NOW + 1), "dim"),
        ("→ ", "dim"),
        (set_cell_size(cut(cell.after, THEN) or "(blank)", THEN + 1), "bold"),
        (plain(because), "dim"),
    )
