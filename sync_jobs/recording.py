"""A run in the store from its start to its end."""

from __future__ import annotations

from collections.abc import Mapping

from hub.domain.outcome import Fault
from hub.domain.run import Run, RunState
from hub.engine.guard import Tripped
from hub.store import runs
from sync_jobs.counts import Counts
from sync_jobs.hub import Hub
from sync_jobs.pull import LIVE


class Recorded:
    """A run in the store from its start to its end; its state comes from its counts."""

    def __init__(self, hub: Hub, job: str, connection: str, stream: str, lane: str = LIVE) -> None:
        self.hub = hub
        self.id = hub.new_id("run")
        self._run = Run(self.id, job, hub.now_text(), connection, stream, lane)
        self._state = RunState.FAILED
        self._counts: Mapping[str, int] = {}
        self._note = "ended unexpectedly"

    async def __aenter__(self) -> Recorded:
        async with self.hub.database.write() as conn:
            await runs.start(conn, self._run)
        return self

    def ended(self, counts: Counts, fault: Fault | None, tripped: tuple[Tripped, ...] = (), *, note: str = "") -> None:
        """`note` says more than the counts of a run that went well."""
        self._counts = {k: v for k, v in counts.as_dict().items() if v}
        self._state = RunState.PARKED if tripped else RunState.FAILED if fault else counts.state()
        self._note = "; ".join(str(t) for t in tripped) or (f"{fault.code}: {fault.message}" if fault else note)

    async def __aexit__(self, *_: object) -> None:
        async with self.hub.database.write() as conn:
            await runs.finish(conn, self.id, self._state, self.hub.now_text(), note=self._note, counts=self._counts)
