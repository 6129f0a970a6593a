"""`hub keys ...`: the keys that seal secrets."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import RenderableType

from hub.cli import tables
from hub.cli.options import AsJson, Home, place
from hub.cli.screen import answer
from hub.errors import BadInput
from hub.operations import forms
from hub.operations import keys as operations

app = typer.Typer(help="The keys that seal secrets.", no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="keys")


@app.command()
def rotate(home: Home = None, as_json: AsJson = False) -> None:
    """Make a new data key and seal every secret with it. The master key stays, and all else goes on."""
    answer(asyncio.run(operations.rotate(place(home))), _rotated, as_json=as_json)


def _rotated(done: operations.Rotated) -> RenderableType:
    return tables.line(
        ("rotated: ", "green"), f"{done.secrets:,} secrets are sealed with a new data key; the master key stays "
    ).append(done.master)


@app.command("change-master")
def change_master(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="-|@FILE",
            help="The new key from stdin or a file, for HUB_SECRET_KEY. Without it: a new random key in the key file.",
        ),
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Seal the store with a new master key. The old key file is kept, for older backups. Stop all else first."""
    done = asyncio.run(operations.change_master(place(home), None if to is None else _said(to)))
    answer(done, _changed, as_json=as_json)


def _said(to: str) -> str:
    if to == "-":
        return sys.stdin.read().strip("\r\n")
    if to.startswith("@"):
        return forms.read_secret_file(to[1:], "--to")
    raise BadInput("--to takes no key itself: it would stay in the shell's history", mend="give --to - or --to @FILE")


def _changed(done: operations.MasterChanged) -> RenderableType:
    todo = []
    if done.source == operations.VARIABLE:
        todo.append("set HUB_SECRET_KEY to the new key, everywhere: without it no secret opens")
    else:
        todo.append("keep a copy of it elsewhere, never beside the store: without it no secret opens")
    if done.unset:
        todo.append("unset HUB_SECRET_KEY everywhere: it holds the old key, and comes before the file")
    if done.kept is not None:
        todo.append(f"the old key is in {done.kept}: it opens older backups; remove it when those are gone")
    return tables.stack(
        tables.line(("changed: ", "green"), "the master key is now that of ", (done.source, "bold")),
        *(tables.line("  ", words) for words in todo),
    )
