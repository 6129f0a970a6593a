"""`hub demo`: draws the main job as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from hub.cli import tables
from hub.cli.changes import summary
from hub.cli.progress import Bars
from hub.cli.screen import cut, err, out, print_json
from hub.cli.work import counts_table
from hub.domain.keys import Address
from hub.operations import demo as demos
from hub.operations.plan import Planned
from hub.operations.stage import Edit, Stage, staged
from hub.operations.sync import Synced
from hub.operations.verify import Verified


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    people: Annotated[int, typer.Option("--people", min=20, max=100_000, help="How many persons there are.")] = 500,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same people.")] = 1,
    serve: Annotated[bool, typer.Option("--serve", help="Keep everything running afterwards, to look around.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")] = False,
) -> None:
    """See the main job: four vendors on this machine, one store, edits everywhere at once, agreement at the end.

    Needs no account and touches no real system.
    """
    with staged(people, seed) as stage:
        with Bars() as bars:
            story = Drawn(Console(quiet=True) if as_json else out(), bars)
            done = asyncio.run(demos.play(stage, people, story, bars))
        if as_json:
            print_json(done)
        else:
            out().print(_end(done))
        if serve:
            _serve(stage)
    raise typer.Exit(0 if done.ok else 1)


def _serve(stage: Stage) -> None:
    err().print(tables.line("the home and the sandboxes stay until Ctrl-C; in another terminal:"))
    for command in ("status", "plan", "issues list", "sync --until-quiet", "verify"):
        err().print(Text(f"  hub --home {stage.home} {command}", style="bold"), soft_wrap=True)
    try:
        next(iter(stage.serving.values())).running.wait()
    except KeyboardInterrupt:
        err().print("stopped; the demo's home is gone", style="dim")


class Drawn:
    """The story on a console, one chapter after the other."""

    def __init__(self, console: Console, bars: Bars) -> None:
        self._console = console
        self._bars = bars
        self._chapters = 0

    def _chapter(self, title: str, *parts: RenderableType) -> None:
        self._chapters += 1
        heading = Text.assemble((f" {self._chapters} ", "bold reverse cyan"), (f" {title} ", "bold"))
        with self._bars.aside():
            self._console.print()
            self._console.print(Rule(heading, align="left", style="dim"))
            for part in parts:
                self._console.print(part)

    def started(self, stage: Stage) -> None:
        table = tables.table("system", "listens on", "records there", numbers=["records there"])
        for name, serving in stage.serving.items():
            table.add_row(Text(name, style="bold"), serving.up.base_url, tables.number(serving.up.people or None))
        self._chapter("Four vendors, imitated on this machine", table)

    def read(self, synced: Synced, records: int, people: int) -> None:
        said = tables.line(
            f"{records:,} contact records turned out to be ",
            (f"{people:,} people", "bold green"),
            f": {records - people:,} were the same person again",
        )
        self._chapter("Connected read-only: read and matched", counts_table(dict(synced.connections)), said)

    def planned(self, planned: Planned) -> None:
        self._chapter("hub plan: what it would write, nothing written yet", summary(planned))

    def allowed(self, names: Sequence[str], beyond: Mapping[str, Mapping[str, int]]) -> None:
        commands = []
        for name in names:
            options = "".join(f" --{what} {n}" for what, n in beyond.get(name, {}).items())
            commands.append(Text(f"$ hub connections allow-writes {name}{options}", style="bold"))
        notes = []
        if beyond:
            notes.append(
                tables.line(("the brakes would stop this many writes at once; the options agree to them", "dim"))
            )
        self._chapter("The operator allows writing", *commands, *notes)

    def wrote(self, synced: Synced) -> None:
        self._chapter("Synced until quiet", counts_table(dict(synced.connections)), self._verdict(synced))

    def edited(self, edits: Sequence[Edit], people: Mapping[str, str], opted_out: Address | None) -> None:
        table = tables.table("person", "field", "system", "somebody types")
        before = ""
        for edit in edits:
            first = edit.entity_id != before
            fields = {e.field for e in edits if e.entity_id == edit.entity_id}
            table.add_row(
                tables.text(people[edit.entity_id], "bold") if first else "",
                edit.field if first or len(fields) > 1 else "",
                edit.address.connection,
                tables.text(edit.value),
            )
            before = edit.entity_id
        parts: list[RenderableType] = [table]
        if opted_out is not None:
            parts.append(tables.line("and one person ", ("unsubscribes", "bold red"), f" in {opted_out.connection}"))
        self._chapter("People edit the same contacts in several systems at once", *parts)

    def settled(self, synced: Synced, contests: Sequence[demos.Contest], opt_out: demos.OptOut | None) -> None:
        table = tables.table("person", "field", "holds now", "because", "the others")
        before = ""
        for c in contests:
            because = tables.line((c.winner, "green"), (" said so before" if c.earlier else "", "green"), f", {c.rule}")
            table.add_row(
                tables.text(c.person if c.entity_id != before else "", "bold"),
                c.field,
                Text(cut(c.value, 26), style="green"),
                because,
                tables.text(c.why, "dim"),
            )
            before = c.entity_id
        parts: list[RenderableType] = [table]
        if opt_out is not None:
            reached = ", ".join(opt_out.reached) or "no other system that knows the person"
            parts.append(tables.line("the opt-out reached ", (reached, "green"), ": deny wins everywhere"))
            if opt_out.missed:
                parts.append(tables.line(("it did not reach ", "bold red"), ", ".join(opt_out.missed)))
        self._chapter("Synced again: who won, and why", *parts, self._verdict(synced))

    def verified(self, verified: Verified) -> None:
        self._chapter("hub verify: every system read anew and compared", _agreement(verified))

    def again(self, synced: Synced) -> None:
        style = "bold green" if synced.writes == 0 else "bold red"
        self._chapter("One more sync, to prove that nothing is left", tables.line((f"{synced.writes} writes", style)))

    def _verdict(self, synced: Synced) -> RenderableType:
        rounds = f"{synced.rounds} round{'s' if synced.rounds != 1 else ''}"
        if synced.quiet:
            return tables.line(("quiet", "green"), f" after {rounds}: nothing is left to do")
        return tables.line(("not quiet", "yellow"), f" after {rounds}")


def _agreement(v: Verified) -> RenderableType:
    return tables.line(
        (f"{v.agree:,} records agree", "green"),
        ", ",
        (f"{v.differ:,} differ", "bold red" if v.differ else "green"),
        ", ",
        (f"{v.unknown:,} unknown", "yellow" if v.unknown else "green"),
    )


def _end(done: demos.Demo) -> RenderableType:
    summary = tables.line(
        f"{done.people:,} people, {done.records:,} records, {done.golden:,} golden, ",
        f"{done.api_calls:,} API calls, {done.seconds:,.0f} s",
    )
    if done.ok:
        return tables.stack("", tables.line(("all systems agree. ", "bold green"), summary))
    wrong = [tables.line(("  • ", "red"), sentence) for sentence in done.wrong]
    return tables.stack("", tables.line(("not as it should be: ", "bold red"), summary), *wrong)
