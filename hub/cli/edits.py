"""`hub mappings edit|drop|validate|test|example|plan|publish|rollback` and `hub apply`."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from hub.cli import documents, editor, editplan, tables
from hub.cli.mappings import Name, Version
from hub.cli.mappings import app as mappings
from hub.cli.options import AsJson, Home, inside
from hub.cli.progress import Bars
from hub.cli.screen import answer, err, print_json
from hub.cli.work import DIFFERENCES, NEEDS_PERSON
from hub.errors import BadInput
from hub.operations.mappings import checks, drafts, files, plans, releases, samples
from hub.operations.mappings.documents import decoded
from hub.operations.mappings.drafts import Begun, Edited
from hub.operations.mappings.plans import EditPlanned
from hub.operations.mappings.releases import Released

Who = Annotated[str | None, typer.Option("--who", help="Who edits. Default: the system's user.")]
Why = Annotated[str | None, typer.Option("--why", help="A word for the history.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many changes to list; all are counted.")]
Rows = Annotated[
    Path | None, typer.Option("--rows", metavar="FILE.jsonl", help="A file for all changes, one a line. Personal data.")
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="CLASS,...", help="Classes that may happen: creates, clears, deletes, merges."),
]
NoWrite = Annotated[bool, typer.Option("--no-write", help="Leave telling the systems to the next sync.")]
Blind = Annotated[bool, typer.Option("--unread", help="Publish although new fields were never read.")]
Hash = Annotated[str | None, typer.Option("--plan", metavar="HASH", help="The plan to publish.")]


def register(app: typer.Typer) -> None:
    app.command()(apply)
    app.add_typer(mappings, name="mappings")


@mappings.command()
def edit(
    name: Name,
    file: Annotated[Path | None, typer.Option("--file", help="The new text; - reads stdin.")] = None,
    use_editor: Annotated[
        bool, typer.Option("--editor", help="Open the editor on what the other options gave.")
    ] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Set one place, e.g. fields.title.direction=in; repeatable."),
    ] = None,
    unsets: Annotated[
        list[str] | None, typer.Option("--unset", metavar="PATH", help="Take one place out; repeatable.")
    ] = None,
    version: Version = None,
    from_version: Annotated[
        int | None, typer.Option("--from-version", min=1, help="A new draft with its text.")
    ] = None,
    library: Annotated[bool, typer.Option("--library", help="A new draft with the library's text.")] = False,
    new: Annotated[bool, typer.Option("--new", help="A new draft beside your own.")] = False,
    why: Why = None,
    who: Who = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Edit a draft: yours if there is one, otherwise a new one of what holds. Opens $VISUAL or $EDITOR.

    A text that does not compile is kept, with everything that is wrong with it. Nothing works by it before it is
    published.
    """
    begun = inside(
        home,
        lambda hub: drafts.begin(
            hub, name, who=who, why=why, number=version, from_version=from_version, library=library, anew=new
        ),
    )
    text = begun.text if file is None else _given(file)
    text = drafts.with_said(text, sets or [], unsets or [])
    given = file is not None or sets or unsets or from_version is not None or library
    if use_editor or not given:
        done = _edited(begun, text, home)
    else:
        done = inside(home, lambda hub: drafts.write(hub, begun, text))
    answer(done, documents.edited, as_json=as_json, code=0 if done.ok else 1)


def _given(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", mend="name a file that exists") from None
    return decoded(data, "the file" if file != Path("-") else "what was piped in")


def _edited(begun: Begun, text: str, home: Path | None) -> Edited:
    """As often as the person wants to mend what is wrong."""
    while True:
        text = editor.edit(text, begun.name)
        if text == begun.text and begun.continues is None:
            raise BadInput("nothing was changed, and no draft was made", mend="save another text in the editor")
        done = inside(home, partial(drafts.write, begun=begun, text=text))
        if done.ok or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return done
        err().print(documents.complaints(done.complaints))
        if not typer.confirm("Edit it again?", default=True, err=True):
            return done
        begun = replace(begun, continues=done.version.version, replaces=None)


@mappings.command()
def drop(name: Name, version: Version = None, home: Home = None, as_json: AsJson = False) -> None:
    """Take a draft back; its text stays in the history."""
    done = inside(home, lambda hub: drafts.drop(hub, name, version))
    answer(done, documents.dropped, as_json=as_json)


@mappings.command()
def validate(
    name: Name,
    version: Version = None,
    file: Annotated[Path | None, typer.Option("--file", help="A text that is in no draft; - reads stdin.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Check a document: it compiles, its examples hold, the remote has its fields, every value comes to rest.

    The draft, or what holds where there is none. Exit code 1 when anything is wrong.
    """
    if file is not None:
        text = _given(file)
        found = inside(home, lambda hub: checks.validate_text(hub, name, text, str(file)))
    else:
        found = inside(home, lambda hub: checks.validate(hub, name, version))
    answer(found, documents.validated, as_json=as_json, code=0 if found.ok else 1)


@mappings.command("test")
def run_examples(name: Name, version: Version = None, home: Home = None, as_json: AsJson = False) -> None:
    """Run the examples of a document, and say of each whether it holds or what came out otherwise."""
    found = inside(home, lambda hub: checks.run_examples(hub, name, version))
    answer(found, documents.tested, as_json=as_json, code=0 if found.ok else 1)


@mappings.command()
def example(
    name: Name,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A vendor's id, an e-mail, or the hub's id.")],
    version: Version = None,
    add: Annotated[bool, typer.Option("--add", help="Put it into the draft, or a new one.")] = False,
    who: Who = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make an example of a real record, with everything personal in disguise, and print it as YAML."""
    made = inside(home, lambda hub: samples.example(hub, name, record, version, add=add, who=who))
    if as_json:
        print_json(made)
    else:
        sys.stdout.write(made.text)
        if made.added is not None:
            err().print(documents.edited(made.added))
    raise typer.Exit(0 if made.added is None or made.added.ok else 1)


@mappings.command()
def plan(
    name: Name,
    version: Version = None,
    limit: Limit = 40,
    rows: Rows = None,
    read: Annotated[bool, typer.Option("--read", help="First read fields that nobody requested before.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """What publishing a draft would change, in every system, before anything moves; and what it costs.

    Exit code 0: nothing. 2: differences. 3: a person has to agree to something.
    """
    with Bars() as bars:
        planned = inside(
            home,
            lambda hub: plans.plan(
                hub, name, version, limit=None if as_json else limit, rows=_file(rows), read=read, progress=bars
            ),
        )
    answer(
        planned,
        lambda p: editplan.drawn(p, f"hub mappings publish {name}"),
        as_json=as_json,
        code=plan_code(planned),
    )


def _file(rows: Path | None) -> Path | None:
    if rows == Path("-"):
        raise BadInput("--rows needs a file", mend="--json prints every change to stdout")
    return rows


def plan_code(planned: EditPlanned) -> int:
    return NEEDS_PERSON if planned.needs_person else DIFFERENCES if planned.differences else 0


@mappings.command()
def publish(
    name: Name,
    plan: Annotated[str, typer.Option("--plan", metavar="HASH", help="The plan that you saw: `hub mappings plan`.")],
    allow: Allow = None,
    no_write: NoWrite = False,
    unread: Blind = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Publish what a plan promised, and tell the systems what it lists.

    Refused when the draft or the world moved since. Exit code 3 when a class of changes was not allowed.
    """
    with Bars() as bars:
        done = inside(
            home,
            lambda hub: releases.publish(
                hub, plan, name=name, allow=_classes(allow), blind=unread, write=not no_write, progress=bars
            ),
        )
    _released(done, as_json=as_json)


def _classes(said: list[str] | None) -> list[str]:
    return [word.strip() for words in said or [] for word in words.split(",") if word.strip()]


def _released(done: Released, *, as_json: bool) -> None:
    code = 0 if done.ok else NEEDS_PERSON if done.parked else 1
    answer(done, editplan.released, as_json=as_json, code=code)


@mappings.command()
def rollback(
    name: Name,
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="Which version. Default: the one that held before.")
    ] = None,
    plan: Hash = None,
    allow: Allow = None,
    no_write: NoWrite = False,
    unread: Blind = False,
    limit: Limit = 40,
    why: Why = None,
    who: Who = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier version: planned like any edit, and published with --plan HASH."""
    if plan is not None:
        publish(name, plan, allow, no_write, unread, home, as_json)
    with Bars() as bars:
        back = inside(
            home,
            lambda hub: releases.rollback(
                hub, name, to, who=who, why=why, limit=None if as_json else limit, progress=bars
            ),
        )
    answer(back, _back, as_json=as_json, code=plan_code(back.plan))


def _back(found: releases.BackThen) -> RenderableType:
    return tables.stack(
        tables.line("back to ", (f"{found.name} version {found.to}", "bold"), ":"),
        editplan.drawn(found.plan, f"hub mappings rollback {found.name}"),
    )


def apply(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="As `hub mappings pull` wrote it.")],
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Only this document; repeatable.")
    ] = None,
    plan: Hash = None,
    allow: Allow = None,
    no_write: NoWrite = False,
    unread: Blind = False,
    limit: Limit = 40,
    rows: Rows = None,
    why: Why = None,
    who: Who = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Plan what the mapping documents in DIR say instead of what holds; with --plan HASH, publish it.

    Exit code 0: nothing differs. 2: differences. 3: a person has to agree. 1: a file cannot be used.
    """
    with Bars() as bars:
        if plan is not None:
            done = inside(
                home,
                lambda hub: files.publish_files(
                    hub, folder, plan, allow=_classes(allow), blind=unread, write=not no_write, progress=bars
                ),
            )
            _released(done, as_json=as_json)
        found = inside(
            home,
            lambda hub: files.apply(
                hub,
                folder,
                only=only or (),
                who=who,
                why=why,
                limit=None if as_json else limit,
                rows=_file(rows),
                progress=bars,
            ),
        )
    answer(found, lambda a: _applied(a, folder), as_json=as_json, code=_apply_code(found))


def _applied(found: files.Applied, folder: Path) -> RenderableType:
    plan = editplan.drawn(found.plan, f"hub apply {folder}") if found.plan is not None else None
    return documents.applied(found, plan)


def _apply_code(found: files.Applied) -> int:
    """Files that say something else are differences, even where no system would notice."""
    if not found.ok:
        return 1
    if found.plan is None:
        return 0
    return NEEDS_PERSON if found.plan.needs_person else DIFFERENCES
