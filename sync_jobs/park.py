"""A push that trips a brake is parked: nothing is written, and an issue says what was planned and how to agree."""

from __future__ import annotations

from collections.abc import Sequence

from hub.domain.issue import Issue
from hub.engine.guard import Tripped
from hub.store import issues
from sync_jobs import troubles
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired


def _key(wired: Wired, stream: str) -> str:
    return f"{troubles.BRAKE}/{wired.name}/{stream}"


async def park(hub: Hub, wired: Wired, stream: str, tripped: Sequence[Tripped]) -> None:
    options = " ".join(f"--{t.what} {t.planned}" for t in tripped)
    issue = Issue(
        troubles.BRAKE,
        _key(wired, stream),
        f"the push to {wired.name}/{stream} is parked: " + "; ".join(str(t) for t in tripped),
        hub.now_text(),
        connection=wired.name,
        stream=stream,
        detail={
            "tripped": [{"what": t.what, "planned": t.planned, "allowed": t.allowed} for t in tripped],
            "mend": f"Read `hub plan {wired.name}`; to agree: hub connections allow-writes {wired.name} {options}",
        },
    )
    async with hub.database.write() as conn:
        await issues.raise_(conn, issue)


async def release(hub: Hub, wired: Wired, stream: str) -> None:
    """The push went through: its issue is closed. What a person agreed to holds for the rest of the run."""
    async with hub.database.write() as conn:
        await issues.close(conn, [_key(wired, stream)], hub.now_text())
