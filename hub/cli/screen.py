"""What reaches the terminal: answers on stdout (a table, or one JSON document), everything else on stderr."""

from __future__ import annotations

import dataclasses
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import orjson
import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from hub.errors import HubError

T = TypeVar("T")

JOINERS = "\u200c\u200d"
"""Not printable by themselves, harmless, and part of emoji and of Persian and Indic words."""
WIDE = 120
"""Columns when the output goes to a file or a pipe."""


def out() -> Console:
    """The console for answers."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, emoji=False)


def err() -> Console:
    """The console for progress, notices and errors."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else WIDE, highlight=False, emoji=False)


def plain(value: object) -> str:
    """A value as text for a screen: sets joined, control characters made visible (a record's text must not move the
    cursor of the operator's terminal)."""
    if value is None:
        text = ""
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, (tuple, list)):
        text = ", ".join(str(item) for item in value)
    else:
        text = str(value)
    return "".join(ch if ch.isprintable() or ch in JOINERS else ("⏎" if ch == "\n" else "�") for ch in text)


def cut(value: object, width: int) -> str:
    """`plain`, at most `width` characters long."""
    text = plain(value)
    return text if len(text) <= width else text[: max(1, width - 1)] + "…"


def document(value: object) -> bytes:
    """The JSON of an operation's answer, indented, keys in the order of the value's fields."""
    return orjson.dumps(value, default=_simple, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


def _simple(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):  # a key, say: it has names, so it is no list
        return value._asdict()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    raise TypeError(type(value).__name__)


def print_json(value: object) -> None:
    """One JSON document on stdout, and nothing else."""
    sys.stdout.write(document(value).decode() + "\n")
    sys.stdout.flush()


def answer(value: T, show: Callable[[T], RenderableType], *, as_json: bool, code: int = 0) -> NoReturn:
    """Ends a command: prints the answer in the form that was asked for and leaves with `code`."""
    if as_json:
        print_json(value)
    else:
        out().print(show(value))
    raise typer.Exit(code)


def fail(error: Exception, *, as_json: bool) -> int:
    """Says what went wrong, and how to mend it, in the form that was asked for; answers the exit code."""
    known = isinstance(error, HubError)
    code = error.exit_code if isinstance(error, HubError) else 1
    if as_json:
        print_json({"ok": False, "error": _error_document(error)})
    else:
        err().print(_error_text(error))
    if not known:
        traceback.print_exception(error, file=sys.stderr)
    return code


def _error_document(error: Exception) -> dict[str, Any]:
    if not isinstance(error, HubError):
        return {"kind": type(error).__name__, "message": "unexpected; this is a defect of the hub, see stderr"}
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "mend": error.mend,
        "complaints": [dataclasses.asdict(c) for c in error.complaints],
    }


def _error_text(error: Exception) -> RenderableType:
    if not isinstance(error, HubError):
        return Text.assemble(("unexpected: ", "bold red"), "this is a defect of the hub; what it knows follows")
    lines = [Text.assemble(("error: ", "bold red"), plain_lines(error.message))]
    for complaint in error.complaints:
        lines.append(Text.assemble(("  • ", "red"), (complaint.where, "bold"), f": {plain(complaint.said)}"))
        lines.append(Text(f"    expected {plain(complaint.expected)}", style="dim"))
        if complaint.mend:
            lines.append(Text(f"    {plain(complaint.mend)}", style="green"))
    if error.mend:
        lines.append(Text.assemble(("mend:  ", "bold green"), plain_lines(error.mend)))
    return Group(*lines)


def plain_lines(text: str) -> str:
    """`plain` for texts of our own, which may have several lines."""
    return "\n".join(plain(line) for line in text.split("\n"))
