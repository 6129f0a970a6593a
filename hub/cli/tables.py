"""How tables look: one style for all, numbers to the right, zeros quiet, trouble in colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.cli.screen import plain

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


def table(*columns: str, title: str = "", numbers: Iterable[str] = ()) -> Table:
    """An empty table. Columns named in `numbers` are set to the right and never wrapped."""
    made = Table(
        box=SIMPLE_HEAD,
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        header_style="dim",
        pad_edge=False,
        show_edge=False,
        padding=(0, 1),
    )
    right = set(numbers)
    for column in columns:
        if column in right:
            made.add_column(column, justify="right", no_wrap=True)
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
