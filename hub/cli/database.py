"""`hub db ...`: the store's schema and health, and moving it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside, place
from hub.cli.progress import Bars
from hub.cli.screen import answer
from hub.errors import BadInput
from hub.operations import database as operations
from hub.store.schema import Phase, Step

app = typer.Typer(help="The store: its schema, its health, and moving it.", no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="db")


FINE, WRONG, BEHIND = 0, 1, 2


@app.command()
def check(home: Home = None, as_json: AsJson = False) -> None:
    """Whether the store fits this release and is whole. Exit code 2 when an upgrade is needed, 1 when it is wrong."""
    found = asyncio.run(operations.check(place(home)))
    answer(found, _checked, as_json=as_json, code=_code(found))


def _code(found: operations.Checked) -> int:
    if found.troubles:
        return WRONG
    return BEHIND if found.steps else FINE


def _checked(found: operations.Checked) -> RenderableType:
    facts = tables.facts(
        [
            ("store", found.store),
            ("schema", Text(f"{found.held or 'none'}, {found.schema.value}", "green" if found.ok else "bold yellow")),
            ("this release", found.release),
            ("looked at", ", ".join(found.looked_at)),
        ]
    )
    if found.troubles:
        table = tables.table("", "looked at", "found", "mend")
        for trouble in found.troubles:
            sign = Text("✗", style="bold red")
            table.add_row(
                sign, Text(trouble.what, "bold"), tables.text(trouble.found), tables.text(trouble.mend, "green")
            )
        return tables.stack(facts, table)
    if found.steps:
        return tables.stack(facts, _todo(found), _steps(found.steps))
    return tables.stack(facts, tables.line(("all is well", "green")))


def _todo(found: operations.Checked) -> RenderableType:
    if found.ok:
        return tables.line(
            "this works; when no process of an older release is left, ", ("hub db upgrade --post", "bold")
        )
    return tables.line("an upgrade runs these; back up first, then ", ("hub db upgrade", "bold"))


PHASES = {Phase.PRE: "while the old release works", Phase.POST: "when nothing of the old release is left"}


def _steps(steps: tuple[Step, ...]) -> RenderableType:
    table = tables.table("to", "phase", "may run", "makes")
    for step in steps:
        table.add_row(Text(step.version, "bold"), step.phase.value, PHASES[step.phase], tables.text(step.makes))
    return table


@app.command()
def upgrade(
    pre: Annotated[
        bool, typer.Option("--pre", help="Only the steps with which processes of the release before go on working.")
    ] = False,
    post: Annotated[
        bool, typer.Option("--post", help="The steps for afterwards; refused while workers of another release work.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Bring the store's schema up to this release's. Several at once get on: one migrates, the others wait."""
    if pre and post:
        raise BadInput("--pre and --post cannot be said together", mend="say neither: then every step is run")
    phase = Phase.PRE if pre else Phase.POST if post else None
    with Bars() as bars:
        done = asyncio.run(operations.upgrade(place(home), bars, phase=phase))
    answer(done, _upgraded, as_json=as_json)


def _upgraded(done: operations.Upgraded) -> RenderableType:
    said = _done(done)
    if not done.left:
        return said
    left = tables.line("left, until no process of an older release works: ", ("hub db upgrade --post", "bold"))
    return tables.stack(said, left, _steps(done.left))


def _done(done: operations.Upgraded) -> RenderableType:
    if not done.steps:
        return tables.line(("up to date: ", "green"), f"the schema is version {done.after}; nothing was to be done")
    before = f"from version {done.before}" if done.before else "from nothing"
    return tables.stack(tables.line(("upgraded ", "green"), f"{before} to ", (done.after, "bold")), _steps(done.steps))


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET_URL",
        help="An empty store: postgresql://user@host:5432/name (password in PGPASSWORD or ~/.pgpass), or "
        "sqlite:///path/to/hub.db.",
    ),
]


@app.command()
def copy(target: Target, home: Home = None, as_json: AsJson = False) -> None:
    """Copy the whole store into an empty one, and compare. Stop all work on it first; the original stays as it is."""
    with Bars() as bars:
        done = asyncio.run(operations.copy(place(home), target, bars))
    answer(done, _copied, as_json=as_json)


def _copied(done: operations.Moved) -> RenderableType:
    table = tables.table("table", "rows", "hash, the same in both", numbers=["rows"])
    for one in done.tables:
        table.add_row(Text(one.table, "bold"), tables.number(one.rows), Text(one.hash, "dim"))
    return tables.stack(
        table,
        tables.line(("copied ", "green"), f"{done.rows:,} rows from {done.store} to ", (done.target, "bold")),
        tables.line("to use it, set ", ("HUB_DATABASE_URL", "bold"), " to the target everywhere, then `hub db check`"),
    )


@app.command()
def trim(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be forgotten.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Forget what is older than `hub settings` say. Workers do it once a day; it may run beside anything."""
    answer(inside(home, partial(operations.trim, dry_run=dry_run)), _trimmed, as_json=as_json)


def _trimmed(done: operations.Trimmed) -> RenderableType:
    table = tables.table("table", "rows", numbers=["rows"])
    for name, rows in sorted(done.rows.items()):
        if rows:
            table.add_row(Text(name, "bold"), tables.number(rows))
    keep = done.keep
    kept = tables.line(
        f"kept: runs that wrote for {keep.runs_days} days, others for {keep.idle_runs_days}, "
        f"writes and changes for {keep.history_days}, and what held then; `hub settings --set keep.runs_days=...`"
    )
    total = sum(done.rows.values())
    word = "would be forgotten" if done.dry_run else "forgotten"
    said = tables.line((f"{total:,} rows {word}", "green" if total else ""))
    return tables.stack(table, said, kept) if total else tables.stack(said, kept)
