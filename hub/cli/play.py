"""`hub demo`, `hub sandbox`, `hub simulate`: the hub without any real vendor."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson
from hub.cli.screen import answer, err, out, plain, print_json
from hub.operations import sandboxes, simulation
from hub.sdk.sandbox import SandboxOptions

FAULTS_HELP = "How ill-mannered: none, light (about 1 % of requests go wrong), heavy (about 8 %, and broken answers)."


class FaultsSaid(StrEnum):
    none = "none"
    light = "light"
    heavy = "heavy"


FaultsOption = Annotated[FaultsSaid, typer.Option("--faults", help=FAULTS_HELP)]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same people.")]


def register(app: typer.Typer) -> None:
    app.command()(sandbox)
    app.command()(simulate)


def sandbox(
    name: Annotated[str, typer.Argument(metavar="NAME", help="salesforce, hubspot, mailchimp, google_ads, ...")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
    seed: Seed = 1,
    people: Annotated[int, typer.Option("--people", min=1, max=1_000_000, help="How many persons there are.")] = 200,
    faults: FaultsOption = FaultsSaid.none,
    webhooks: Annotated[
        str, typer.Option(metavar="URL", help="Tell edits there, as http://127.0.0.1:8400/webhooks/NAME.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Run a local imitation of a vendor until Ctrl-C, and say how to connect to it."""
    options = SandboxOptions(seed=seed, people=people, faults=faults.value, webhooks=webhooks)
    serving = sandboxes.start(name, options, port)
    with serving.running:
        if as_json:
            print_json(serving.up)
        else:
            out().print(_up(serving.up))
        try:
            serving.running.wait()
        except KeyboardInterrupt:
            err().print("stopped", style="dim")
    raise typer.Exit(0)


def _up(up: sandboxes.SandboxUp) -> RenderableType:
    rows: list[tuple[str, RenderableType | str]] = [
        ("base URL", Text(up.base_url, style="bold")),
        ("holds", f"{up.people:,} records"),
        *((f"setting {name}", value) for name, value in sandboxes.as_said(up.settings).items()),
        *((f"secret {name}", value) for name, value in up.secrets.items()),
    ]
    return tables.stack(
        tables.line((f"sandbox {up.name}", "bold green"), " runs on this machine only; its secrets open nothing else"),
        tables.facts(rows),
        tables.line("connect a hub to it (in another terminal, in a home):"),
        Text(_lines(up.command), style="bold", overflow="fold"),
        tables.line(("Ctrl-C stops it", "dim")),
    )


def _lines(command: str) -> str:
    """A long command over several lines, as a shell takes it."""
    for word in ("HUB_", "hub connections", "--base-url", "--set"):
        command = command.replace(f" {word}", f" \\\n    {word}")
    return f"  {command}"


def simulate(
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same trace.")] = 1,
    steps: Annotated[int, typer.Option("--steps", min=1, max=1_000_000, help="How many things happen.")] = 200,
    faults: FaultsOption = FaultsSaid.light,
    lines: Annotated[bool, typer.Option("--trace", help="Say every step.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a random history of people, faults, crashes and syncs, and check the laws. Exit code 1 when one is broken."""
    done = asyncio.run(simulation.run(seed, steps, faults.value, with_lines=lines))
    answer(done, _simulated, as_json=as_json, code=0 if done.ok else 1)


def _simulated(done: simulation.Simulated) -> RenderableType:
    head = tables.facts(
        [
            ("seed", str(done.seed)),
            ("steps", f"{done.steps:,}"),
            ("faults", done.faults),
            ("killed", f"{done.deaths:,} times"),
            ("API calls", f"{done.api_calls:,}"),
            ("writes", f"{done.writes:,}"),
            ("trace", done.trace),
        ]
    )
    steps = Text("\n".join(plain(step) for step in done.lines), style="dim") if done.lines else None
    if done.ok:
        return tables.stack(steps, head, tables.line(("every law held", "green")))
    broken = [tables.line(("broken: ", "bold red"), plain(violation)) for violation in done.violations]
    return tables.stack(steps, head, *broken)
