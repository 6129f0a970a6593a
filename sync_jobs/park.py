"""A run that trips a brake is parked: nothing but opt-outs is written, and an issue says what was planned and how to
agree."""

from __future__ import annotations

from collections.abc import Sequence

from hub.domain.issue import Issue
from hub.domain.policy import Caps
from hub.engine.guard import Tally, Tripped, capped, guard, strictest
from hub.store import issues, links
from sync_jobs import brakes, troubles
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired


def _key(wired: Wired, stream: str, undone: Sequence[str]) -> str:
    return f"{troubles.BRAKE}/{wired.name}/{stream}" + ("/undo" if undone else "")


async def brake(hub: Hub, wired: Wired, stream: str, planned: Tally) -> tuple[Tripped, ...]:
    """What stops the run: the brakes of the home, and the caps of the stream's mapping."""
    caps = wired.policy(stream).caps
    async with hub.database.read() as conn:
        known = await links.total(conn, wired.name)
        here = await links.total(conn, wired.name, stream) if caps != Caps() else 0
        allowance = await brakes.allowance(conn, wired.name)
    return strictest(*guard(planned, known, hub.brakes, allowance), *capped(planned, here, caps, allowance))


async def park(hub: Hub, wired: Wired, stream: str, tripped: Sequence[Tripped], *, undone: Sequence[str] = ()) -> None:
    """`undone`: the runs that an undo would take back; without any, the run is a push."""
    options = " ".join(f"--{t.what} {t.planned}" for t in tripped)
    agree = f"hub connections allow-writes {wired.name} {options}"
    again = f"hub undo {' '.join(undone)}"
    mend = f"Read `hub plan {wired.name}`; to agree: {agree}"
    issue = Issue(
        troubles.BRAKE,
        _key(wired, stream, undone),
        f"the {'undo' if undone else 'push'} to {wired.name}/{stream} is parked: " + "; ".join(str(t) for t in tripped),
        hub.now_text(),
        connection=wired.name,
        stream=stream,
        detail={
            "tripped": [{"what": t.what, "planned": t.planned, "allowed": t.allowed} for t in tripped],
            "mend": f"Read `{again} --dry-run`; to agree: {agree}, then `{again}`" if undone else mend,
        },
    )
    async with hub.database.write() as conn:
        await issues.raise_(conn, issue)


async def release(hub: Hub, wired: Wired, stream: str, *, undone: Sequence[str] = ()) -> None:
    """The run went through: its issue is closed. What a person agreed to holds for the rest of the run."""
    async with hub.database.write() as conn:
        await issues.close(conn, [_key(wired, stream, undone)], hub.now_text())
