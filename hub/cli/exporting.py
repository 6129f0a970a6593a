"""`hub export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.progress import Bars
from hub.cli.screen import answer, err
from hub.errors import BadInput
from hub.operations import export as exports


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="contacts, campaigns or facts")],
    form: Annotated[str, typer.Option("--format", "-f", help="csv, jsonl or parquet")] = "csv",
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; - is stdout.")] = exports.STDOUT,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write the golden records, or the facts, to a file. It holds personal data: keep it accordingly."""
    if as_json and out == exports.STDOUT:
        raise BadInput("--json and the export cannot share stdout", mend="add --out FILE")
    with Bars() as bars:
        done = inside(home, lambda hub: exports.export(hub, what, form, out, bars))
    if out == exports.STDOUT:
        err().print(Text(f"{done.rows:,} {done.what}", style="dim"))
        return
    answer(
        done,
        lambda d: tables.line(("wrote ", "green"), f"{d.rows:,} {d.what} to ", (str(d.file), "bold")),
        as_json=as_json,
    )
