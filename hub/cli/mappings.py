"""`hub mappings ...`: looking at documents. Editing and publishing them: `edits`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hub.cli import documents
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer, err, print_json
from hub.cli.work import DIFFERENCES, NEEDS_PERSON
from hub.operations.mappings import comparison, files, versions
from hub.operations.mappings import fields as field_operations
from hub.operations.mappings.comparison import Compared
from hub.operations.mappings.versions import VersionShown

app = typer.Typer(
    help="Mapping documents: look at them, edit them, and see what an edit does before it does it.\n\n"
    "The way of an edit: edit, validate, plan, publish; rollback takes it back. NAME is CONNECTION/STREAM, or contact "
    "or campaign for who wins. Nothing is told to any system before publish.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="CONNECTION/STREAM, e.g. crm/contacts; contact or campaign.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="Which version.")]


@app.command("list")
def list_(home: Home = None, as_json: AsJson = False) -> None:
    """The documents: what holds, since when, by whom, and the drafts that wait."""
    answer(inside(home, versions.list_), documents.listed, as_json=as_json)


@app.command()
def show(
    name: Name,
    version: Version = None,
    fields: Annotated[bool, typer.Option("--fields", help="A table of fields instead of the text.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """The text of what holds, or of a version: the text on stdout, the rest on stderr."""
    if fields:
        shown = inside(home, lambda hub: field_operations.fields(hub, name, version))
        answer(shown, documents.fields, as_json=as_json)
    found = inside(home, lambda hub: versions.show(hub, name, version))
    if as_json:
        print_json(found)
    else:
        _text(found)
    raise typer.Exit(0)


def _text(found: VersionShown) -> None:
    err().print(documents.heading(found.version))
    for words in documents.trouble(found.drafts):
        err().print(f"note: {words}", style="yellow")
    sys.stdout.buffer.write(found.text.encode())
    sys.stdout.flush()


@app.command()
def diff(
    name: Name,
    before: Annotated[int | None, typer.Argument(metavar="[A]", help="A version. Default: what holds.")] = None,
    after: Annotated[int | None, typer.Argument(metavar="[B]", help="Another. Default: the only draft.")] = None,
    text: Annotated[bool, typer.Option("--text", help="Line by line, as `diff -u`.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """What differs between two versions, by meaning or as text. Exit code 2 when anything does."""
    found = inside(home, lambda hub: comparison.compare(hub, name, before, after))
    code = DIFFERENCES if found.differ else 0
    if text and not as_json:
        _lines(found)
        raise typer.Exit(code)
    answer(found, documents.compared, as_json=as_json, code=code)


def _lines(found: Compared) -> None:
    sys.stdout.buffer.write(found.text.encode())
    sys.stdout.flush()


@app.command()
def history(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Every version of a document: who made it from which, when, why, and under which plan it was published."""
    answer(inside(home, lambda hub: versions.history(hub, name)), documents.history, as_json=as_json)


@app.command()
def schema(
    who_wins: Annotated[bool, typer.Option("--who-wins", help="Of contact.yaml and campaign.yaml.")] = False,
    as_json: AsJson = False,
) -> None:
    """The JSON Schema of the language, with which editors complete and check documents."""
    print_json(versions.language(survivorship=who_wins))
    raise typer.Exit(0)


@app.command()
def pull(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made when it does not exist.")],
    force: Annotated[bool, typer.Option("--force", help="Write over texts that the hub never had.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write every document that holds to DIR/CONNECTION/STREAM.yaml, byte for byte: for git, and for `hub apply`."""
    done = inside(home, lambda hub: files.pull(hub, folder, force=force))
    answer(done, documents.pulled, as_json=as_json, code=0 if done.ok else NEEDS_PERSON)
