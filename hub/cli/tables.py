"""How tables look: one style for all, numbers to the right, zeros quiet, trouble in colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from copy import copy
from dataclasses import replace

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Column, Table
from rich.text import Text

from hub import clock
from hub.cli.screen import WIDE, plain

GAP = 3
"""Characters between two columns."""
FOLDED_WELL, FOLDED_LEAST = 40, 12
"""Characters within which free text reads well, and within which it can be read."""
WORD_MOST = 24
"""Characters of a word that is not folded."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")

TROUBLE = {"refused", "later", "in_doubt", "in doubt", "issues", "differ", "failed", "removed"}
STATES = {
    "active": "green",
    "done": "green",
    "ok": "green",
    "well": "green",
    "live": "green",
    "agree": "green",
    "running": "cyan",
    "paused": "yellow",
    "partial": "yellow",
    "parked": "yellow",
    "warning": "yellow",
    "open": "yellow",
    "answered": "cyan",
    "broken": "bold red",
    "unusable": "bold red",
    "failed": "bold red",
    "denied": "bold red",
    "granted": "green",
}


class Fitted(Table):
    """A table that is readable in a narrow terminal as well: there moments of today are without their day, and what is
    least important is left out. Only free text is folded."""

    moments: Set[str] = frozenset()
    spare: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from Table.__rich_console__(self._fitting(options.max_width), console, options)

    def _fitting(self, width: int) -> Table:
        if _width(self.columns, FOLDED_WELL if width < WIDE else FOLDED_LEAST) <= width:
            return self
        made = copy(self)
        made.columns = [_shortened(column, moment=column.header in self.moments) for column in self.columns]
        heads = [column.header for column in self.columns]
        for name in self.spare:
            if _width(made.columns, FOLDED_LEAST) > width and name in heads:
                del made.columns[heads.index(name)]
                heads.remove(name)
        made.columns = [replace(column, _index=number) for number, column in enumerate(made.columns)]
        return made


def _width(columns: Sequence[Column], folded: int) -> int:
    """Characters that these columns need where free text is folded to so many, and only the longest words within."""
    return sum([_needed(column, folded) for column in columns]) + GAP * (len(columns) - 1)


def _needed(column: Column, folded: int) -> int:
    said = [cell.plain for cell in _cells(column)]
    width = max(cell_len(line) for text in said for line in text.split("\n"))
    if column.no_wrap:
        return width
    word = max((cell_len(word) for text in said for word in text.split()), default=0)
    return min(width, max(folded, min(word, WORD_MOST)))


def _cells(column: Column) -> list[Text]:
    return [cell if isinstance(cell, Text) else Text(str(cell)) for cell in (column.header, *column.cells)]


def _shortened(column: Column, *, moment: bool) -> Column:
    """The same with a head of several lines, and moments as short as they can be understood."""
    if not column.no_wrap:
        return column
    header = str(column.header).replace(" ", "\n")
    cells: list[RenderableType] = [_short(cell) for cell in _cells(column)[1:]] if moment else [*column.cells]
    return replace(column, header=header, _cells=cells)


def _short(said: Text) -> Text:
    """A moment without its day where that is today, without its year where that is this one. What is said of it is
    below."""
    at, _, more = (part.strip() for part in said.plain.partition("("))
    today = f"{clock.now():%Y-%m-%d}"
    since = (11 if at.startswith(today) else 5 if at.startswith(today[:5]) else 0) if MOMENT.match(at) else 0
    rest = said[len(at) + 1 :] if more else Text()
    word = len(rest.plain.partition(" ")[0])
    return Text("\n").join([part for part in (said[since : len(at)], rest[:word], rest[word + 1 :]) if part])


def table(
    *columns: str,
    title: str = "",
    numbers: Iterable[str] = (),
    names: Iterable[str] = (),
    moments: Iterable[str] = (),
    spare: Sequence[str] = (),
) -> Table:
    """An empty table. Columns named in `numbers` are set to the right. These, `names` and `moments` are never folded;
    `spare` are those that may be left out where there is no room, the least important first."""
    made = Fitted(
        box=SIMPLE_HEAD,
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        header_style="dim",
        pad_edge=False,
        show_edge=False,
        padding=(0, 1),
    )
    made.moments, made.spare = frozenset(moments), spare
    right, whole = set(numbers), {*names, *moments}
    for column in columns:
        if column in right:
            made.add_column(column, justify="right", no_wrap=True)
        elif column in whole:
            made.add_column(column, no_wrap=True)
        else:
            made.add_column(column, overflow="fold")
    return made


def number(value: int | float | None, name: str = "") -> Text:
    """A count with thousands separators; zero is a dot, trouble is coloured."""
    if value is None:
        return Text("–", style="dim")
    if not value:
        return Text("·", style="dim")
    return Text(f"{value:,}", style="yellow" if name in TROUBLE else "")


def moved(value: int | None, before: int | None) -> Text:
    """A count, and by how much it is more or less than before."""
    shown = number(value)
    if value is not None and before is not None and value != before:
        shown.append(f" {value - before:+,}", style="cyan")
    return shown


def state(word: str) -> Text:
    return Text(word, style=STATES.get(word, ""))


def writing(writes: bool | None) -> Text:
    """Whether the hub may write; None: it has nothing to write there."""
    if writes is None:
        return Text("never", style="dim")
    return Text("allowed", style="green") if writes else Text("read-only", style="yellow")


def text(value: object, style: str = "") -> Text:
    return Text(plain(value), style=style)


def moment(iso: str | None) -> Text:
    """An ISO moment as `2026-01-31 08:15:00`, UTC."""
    return Text(iso[:19].replace("T", " "), style="") if iso else Text("never", style="dim")


def day_and_minute(iso: str | None) -> Text:
    """An ISO moment as `2026-01-31 08:15`, UTC."""
    return Text(iso[:16].replace("T", " ")) if iso else Text("–", style="dim")


def duration(seconds: float) -> str:
    """`12 s`, `40 min`, `2.5 h`."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


def stack(*parts: RenderableType | None) -> Group:
    """Parts under each other with a blank line between; None is left out."""
    kept: list[RenderableType] = []
    for part in parts:
        if part is None:
            continue
        if kept:
            kept.append(Text(""))
        kept.append(part)
    return Group(*kept)


def line(*words: str | Text | tuple[str, str]) -> Text:
    return Text.assemble(*words)


def facts(rows: Sequence[tuple[str, RenderableType | str]]) -> Table:
    """Names and values, without heads."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, Text(plain(value)) if isinstance(value, str) else value)
    return made
