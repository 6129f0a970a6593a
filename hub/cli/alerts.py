"""`hub alerts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from hub.cli import tables
from hub.cli.options import AsJson, Home, inside
from hub.cli.screen import answer, plain
from hub.domain.alert import Alert
from hub.errors import BadInput
from hub.operations import alerts as operations
from sync_jobs.refusals import Refused


def register(app: typer.Typer) -> None:
    app.command()(alerts)


def alerts(
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended, the latest first.")] = False,
    look: Annotated[bool, typer.Option("--look", help="Look now, and tell HUB_ALERT_URL what is untold.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Send HUB_ALERT_URL a message to try.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """What somebody should know now. Workers look every minute; --look does it where none runs."""
    if all_ + look + test > 1:
        raise BadInput("--all, --look and --test are three different things", mend="say one of them")
    if test:
        answer(inside(home, operations.test), _tested, as_json=as_json)
    if look:
        looked = inside(home, operations.look)
        answer(looked, _looked, as_json=as_json, code=0 if looked.ok else 1)
    answer(inside(home, lambda hub: operations.alerts(hub, ended=all_)), _shown, as_json=as_json)


def _shown(shown: operations.Alerts) -> RenderableType:
    if shown.looked_at is None:
        head = tables.line(("nobody has looked yet: ", "yellow"), "workers do, or ", ("hub alerts --look", "bold"))
        return tables.stack(head, _to(shown.told))
    last = tables.line(("looked last at ", "dim"), tables.moment(shown.looked_at), (" UTC", "dim"))
    well = ("nothing was wrong then", "dim") if shown.stale else ("nothing is wrong", "green")
    rows = _table(shown.alerts) if shown.alerts else tables.line(well)
    if shown.stale:
        since = tables.line(("nobody has looked since: ", "yellow"), "does a worker run? ", ("hub status", "bold"))
        return tables.stack(rows, last, since, _to(shown.told))
    return tables.stack(rows, last, _to(shown.told))


def _looked(looked: operations.AlertsLooked) -> RenderableType:
    if looked.elsewhere:
        head = tables.line(("another process looks just now; ", "yellow"), "this is what it found before")
    else:
        head = tables.line(f"{looked.began} began, {looked.ended} ended, {looked.messages} messages sent")
    table = _table(looked.open) if looked.open else tables.line(("nothing is wrong", "green"))
    return tables.stack(head, table, _to(looked.told))


def _tested(tested: operations.AlertsTested) -> RenderableType:
    return tables.line(("sent ", "green"), f"a message to try, as {tested.to}: look whether it arrived")


def _table(rows: Sequence[Alert]) -> RenderableType:
    ended = any(alert.ended_at for alert in rows)
    heads = ["since (UTC)", *(["until"] if ended else []), "kind", "what"]
    table = tables.table(*heads, names=["kind"], moments=heads[:-2])
    for alert in rows:
        what = Text(plain(alert.summary), style="" if alert.ended_at else "bold")
        if not alert.ended_at and alert.mend:
            what.append(f"\n{plain(alert.mend)}", style="not bold")
        kind = Text(alert.kind.value.replace("_", " "), style="dim" if alert.ended_at else "yellow")
        until = [tables.day_and_minute(alert.ended_at) if alert.ended_at else Text("open", style="yellow")]
        table.add_row(tables.day_and_minute(alert.began_at), *(until if ended else []), kind, what)
    return table


def _to(told: operations.Told) -> RenderableType:
    if not told.to:
        return tables.line(("nobody is told: ", "dim"), ("HUB_ALERT_URL", "bold"), (" is not set", "dim"))
    if told.failed:
        since = told.since[:16].replace("T", " ")
        head = tables.line(("cannot be told ", "red"), f"since {since} UTC: {plain(told.failed)}; it is tried again")
    else:
        head = tables.line((f"told as {told.to} when they begin and when they end", "dim"))
    lines = [
        *[_refused(one, "refused by the receiver ", "; it is tried again") for one in told.refused],
        *[_refused(one, "given up ", ": the receiver never took it") for one in told.given_up],
    ]
    return Text("\n").join([head, *lines])


def _refused(one: Refused, word: str, then: str) -> Text:
    since = one.since[:16].replace("T", " ")
    times = f"{one.times} times" if one.times != 1 else "once"
    return tables.line((word, "yellow"), (one.what, "bold"), f" ({plain(one.why)}, {times} since {since} UTC){then}")
