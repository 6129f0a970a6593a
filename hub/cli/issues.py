"""`hub issues ...`: what only a person can settle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer, plain
from hub.domain.issue import Issue
from hub.operations import issues as operations

app = typer.Typer(help="What only a person can settle.", no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="issues")


Number = Annotated[int, typer.Argument(metavar="ID", help="The issue's number.")]


@app.command("list")
def list_(
    state: Annotated[str, typer.Option("--state", help="open, answered, closed or all.")] = "open",
    connection: Annotated[str | None, typer.Option("--connection", help="Only of this connection.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to list.")] = 50,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """The issues that are open."""
    answer(inside(home, lambda hub: operations.all_(hub, state, connection, limit)), _listed, as_json=as_json)


def _listed(listed: operations.Issues) -> RenderableType:
    if not listed.issues:
        return tables.line(("no issues", "green"))
    since = "since (UTC)"
    table = tables.table(
        *("id", "kind", "what", "times", since),
        numbers=["id", "times"],
        names=["kind"],
        moments=[since],
        spare=["times"],
    )
    for i in listed.issues:
        where = Text(" ".join(w for w in (_where(i), i.field) if w), style="bold")
        table.add_row(
            Text(str(i.id), style="bold"),
            i.kind,
            where.append(f"\n{plain(i.summary)}", style="not bold"),
            str(i.times),
            tables.day_and_minute(i.opened_at),
        )
    more = tables.line(("… and more; --limit N or --json", "dim")) if listed.more else None
    return tables.stack(
        table, more, tables.line(("hub issues show ID", "bold"), " says more, and what may be answered")
    )


def _where(i: Issue) -> str:
    return "/".join(w for w in (i.connection, i.stream, i.remote_id) if w) or i.entity_id


@app.command()
def show(number: Number, home: Home = None, as_json: AsJson = False) -> None:
    """One issue, with everything known and the answers it takes."""
    answer(inside(home, lambda hub: operations.show(hub, number)), _shown, as_json=as_json)


def _shown(shown: operations.IssueShown) -> RenderableType:
    i = shown.issue
    rows: list[tuple[str, RenderableType | str]] = [("state", tables.state(i.state.value)), ("kind", i.kind)]
    rows += [
        (name, value) for name, value in (("where", _where(i)), ("entity", i.entity_id), ("field", i.field)) if value
    ]
    rows += [("since", tables.moment(i.opened_at)), ("seen", f"{i.times} times" if i.times != 1 else "once")]
    said = {name: value for name, value in i.detail.items() if not isinstance(value, Mapping)}
    rows += [(name.replace("_", " "), plain(value)) for name, value in said.items() if plain(value)]
    if i.answer is not None:
        rows.append(("answered", plain(i.answer)))
    answers = tables.line("you may answer:")
    for word, meaning in shown.answers.items():
        answers.append(f"\n  hub issues answer {i.id} {word}", style="bold").append(f"  {meaning}", style="not bold")
    return tables.stack(
        tables.line((f"#{i.id} ", "dim"), (plain(i.summary), "bold")),
        tables.facts(rows),
        answers if shown.answers else None,
    )


@app.command("answer")
def answer_(
    number: Number,
    said: Annotated[str, typer.Argument(metavar="ANSWER", help="One of the answers that `show` lists.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Settle an issue; the next sync acts on it."""
    answer(inside(home, lambda hub: operations.answer(hub, number, said)), _shown, as_json=as_json)
