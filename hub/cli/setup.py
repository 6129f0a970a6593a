"""`hub init`, `hub settings`, `hub doctor`."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside, place
from hub.cli.screen import answer
from hub.operations import doctor as doctors
from hub.operations import forms
from hub.operations import home as homes
from hub.operations import settings as setting_operations


def register(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(settings)
    app.command()(doctor)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet, or an empty one.")],
    as_json: AsJson = False,
) -> None:
    """Make a home: a folder with the hub's database, key and mapping documents."""
    made = asyncio.run(homes.init(folder))
    answer(made, _made, as_json=as_json)


def _made(made: homes.HomeMade) -> RenderableType:
    first = "made a home in" if made.created else "brought the home up to date in"
    return tables.stack(
        tables.line((f"{first} ", "green"), (str(made.home), "bold")),
        tables.facts(
            [
                ("database", made.database),
                ("master key", f"{made.master_key} (keep a copy elsewhere: without it no secret opens)"),
                ("mappings", f"{made.home / homes.MAPPINGS} (for new connections; empty means the library's)"),
            ]
        ),
        tables.line("next: ", (f"cd {made.home} && hub connections add NAME --connector CONNECTOR", "bold")),
    )


def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Whether the home is well: key, database, disk, runs, connections, clocks. Exit code 1 when something is not."""
    found = asyncio.run(doctors.examine(place(home)))
    answer(found, _found, as_json=as_json, code=0 if found.ok else 1)


SIGNS = {
    doctors.Health.WELL: ("✓", "green"),
    doctors.Health.WARNING: ("!", "yellow"),
    doctors.Health.FAILED: ("✗", "bold red"),
}


def _found(found: doctors.Doctor) -> RenderableType:
    table = tables.table("", "looked at", "found", "mend")
    for finding in found.findings:
        table.add_row(
            Text(*SIGNS[finding.health]),
            Text(finding.what, style="bold"),
            tables.text(finding.found),
            tables.text(finding.mend, "green"),
        )
    bad = sum(f.health is doctors.Health.FAILED for f in found.findings)
    warned = sum(f.health is doctors.Health.WARNING for f in found.findings)
    if found.ok and not warned:
        verdict = tables.line(("all is well", "green"))
    else:
        verdict = tables.line(
            (f"{bad} failed", "bold red" if bad else "green"), ", ", (f"{warned} to look at", "yellow")
        )
    return tables.stack(tables.line("home ", (str(found.home), "bold")), table, verdict)


def settings(
    home: Home = None,
    said: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set a brake, a share, or how long things are kept."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The settings the hub runs under, and where each comes from. `--set brakes.creates=1000`, say, sets one."""
    given = forms.pairs(said or [], "--set")
    work = partial(setting_operations.change, said=given) if given else setting_operations.show
    answer(inside(home, work), _settings, as_json=as_json)


def _settings(shown: setting_operations.Settings) -> RenderableType:
    table = tables.table("setting", "value", "from", "means")
    for s in shown.settings:
        table.add_row(
            Text(s.name, style="bold"),
            tables.text(s.value),
            tables.text(s.source, "" if s.source != "default" else "dim"),
            tables.text(s.means, "dim"),
        )
    return table
