"""`hub consent ...`: what people said outside the systems, recorded with evidence."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import explaining, tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer, plain
from hub.operations import consent as operations

app = typer.Typer(help="What people agreed to or refused, recorded with evidence.", no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="consent")


Entity = Annotated[str, typer.Argument(metavar="ENTITY", help="contact")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="An e-mail, a hub id, a vendor's id.")]
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="email, phone or sms")]
When = Annotated[str | None, typer.Option("--when", help="2025-01-31, 2025-01-31T08:00Z, 90d, 12h. Default: now.")]


@app.command()
def grant(
    entity: Entity,
    key: Key,
    channel: Channel,
    who: Annotated[str, typer.Option("--who", help="Who consented, or took the consent down.")],
    how: Annotated[str, typer.Option("--how", help='How that can be shown: "signed form 12 at the fair".')],
    when: When = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Record a consent. It lifts a denial that is older; systems are told where their mapping can write a grant."""
    answer(
        inside(home, lambda hub: operations.grant(hub, entity, key, channel, who=who, how=how, when=when)),
        _shown,
        as_json=as_json,
    )


@app.command()
def deny(
    entity: Entity,
    key: Key,
    channel: Channel,
    who: Annotated[str, typer.Option("--who", help="Who said so, or took it down.")] = "",
    how: Annotated[str, typer.Option("--how", help='How: "rang up and asked".')] = "",
    when: When = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Record an opt-out. The next sync tells every system that has a field for it."""
    answer(
        inside(home, lambda hub: operations.deny(hub, entity, key, channel, who=who, how=how, when=when)),
        _shown,
        as_json=as_json,
    )


@app.command()
def show(entity: Entity, key: Key, home: Home = None, as_json: AsJson = False) -> None:
    """Who said what of each channel, when, and with what evidence."""
    answer(inside(home, lambda hub: operations.show(hub, entity, key)), _shown, as_json=as_json)


def _shown(shown: operations.ConsentShown) -> RenderableType:
    return tables.stack(
        tables.line((f"{shown.entity} ", "dim"), (shown.entity_id, "bold")),
        explaining.consents(shown.consent, {}) if shown.consent else tables.line("nobody said anything yet"),
        *explaining.lifts(shown.consent),
        Text("\n").join(tables.line(("→ ", "cyan"), plain(note)) for note in shown.notes) if shown.notes else None,
    )
