"""`hub undo`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import changes, tables
from hub.cli.options import AsJson, Home, Yes, inside
from hub.cli.progress import Bars
from hub.cli.screen import answer, err, plain
from hub.cli.work import DIFFERENCES, NEEDS_PERSON, counts_table
from hub.domain.run import Run
from hub.engine.undo import Kept
from hub.errors import BadInput
from hub.operations import undo as operations


def register(app: typer.Typer) -> None:
    app.command()(undo)


def undo(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Ids as `hub runs` shows them, of syncs, pushes or undos; or `last`: the last sync that wrote.",
        ),
    ],
    archive_creates: Annotated[
        bool,
        typer.Option("--archive-creates", help="Also archive records that the run made and nobody worked on since."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be undone and what is kept; exit code 2 for anything.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many changes to list; all are counted.")] = 40,
    yes: Yes = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Put back what records held before a run wrote to them. What others changed since is kept and listed."""
    if not dry_run and not yes and as_json:
        raise BadInput("undoing asks first, and --json leaves nobody to ask", mend="add --yes, or --dry-run")
    if dry_run or not yes:
        some = None if as_json else limit
        planned = inside(home, lambda hub: operations.plan(hub, run, archive_creates=archive_creates, limit=some))
        if dry_run or not planned.plan.total:
            answer(planned, lambda p: drawn(p, limit), as_json=as_json, code=_plan_code(planned) if dry_run else 0)
        err().print(drawn(planned, limit))
        typer.confirm("Undo this?", abort=True, err=True)
    with Bars() as bars:
        done = inside(home, lambda hub: operations.undo(hub, run, archive_creates=archive_creates, progress=bars))
    answer(done, lambda d: undone(d, limit), as_json=as_json, code=_code(done))


def _plan_code(planned: operations.UndoPlanned) -> int:
    if planned.plan.brakes:
        return NEEDS_PERSON
    return DIFFERENCES if planned.plan.total else 0


def _code(done: operations.Undone) -> int:
    if done.failed or done.unfinished:
        return 1
    return NEEDS_PERSON if done.parked else 0


def drawn(planned: operations.UndoPlanned, limit: int) -> RenderableType:
    """What would be undone, what is kept and why."""
    nothing = tables.line(("nothing to undo: ", "green"), "no record holds anything else because of it")
    return tables.stack(
        _runs(planned.runs),
        changes.drawn(planned.plan) if planned.plan.total else nothing,
        tables.line((f"{planned.back:,} are as before already", "dim")) if planned.back else None,
        _reasons(planned.reasons),
        _kept(planned.kept, limit) if planned.kept else None,
    )


def undone(done: operations.Undone, limit: int) -> RenderableType:
    """What was undone, by connection, what was kept and why, and how to go back."""
    troubles = [tables.line((f"{name}: ", "bold"), (plain(why), "red")) for name, why in done.failed.items()]
    parked = [tables.line((f"{where}: ", "bold"), (plain(why), "yellow")) for where, why in done.parked.items()]
    wrote = [i for where, i in done.undos.items() if where not in done.parked]
    unfinished = f"{done.unfinished:,} writes are not certain or come later: undo again to finish"
    return tables.stack(
        counts_table(dict(done.connections)) if done.connections else None,
        tables.line(("unfinished: ", "yellow"), unfinished) if done.unfinished else None,
        _reasons(done.reasons),
        _kept(done.kept, limit) if done.kept else None,
        tables.line(("to go back: ", "dim"), (f"hub undo {' '.join(wrote)}", "bold")) if wrote else None,
        *troubles,
        *parked,
    )


def _runs(undone_: Sequence[Run]) -> RenderableType:
    table = tables.table("undoes", "job", "where", "started (UTC)")
    for run in undone_:
        where = "/".join(w for w in (run.connection, run.stream) if w)
        table.add_row(Text(run.id, style="bold"), run.job, where, tables.moment(run.started_at))
    return table


def _reasons(reasons: Mapping[str, int]) -> RenderableType | None:
    if not reasons:
        return None
    table = tables.table("kept", "why", numbers=["kept"])
    for why, n in reasons.items():
        table.add_row(f"{n:,}", plain(why))
    return table


def _kept(kept: Sequence[Kept], limit: int) -> RenderableType:
    table = tables.table("system", "record", "kept fields", "why")
    for (connection, stream, remote_id, why), group in groupby(sorted(kept[:limit], key=_place), key=_place):
        fields = ", ".join(k.field for k in group if k.field) or "all"
        table.add_row(
            Text(f"{connection}/{stream}", style="bold"),
            tables.text(remote_id),
            tables.text(fields),
            tables.text(why, "dim"),
        )
    more = len(kept) - limit
    return tables.stack(table, tables.line((f"… and {more:,} more; --limit N or --json", "dim")) if more > 0 else None)


def _place(kept: Kept) -> tuple[str, str, str, str]:
    return kept.connection, kept.stream, kept.remote_id, kept.why
