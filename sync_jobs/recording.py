"""A run in the store from its start to its end, named in every line that is logged meanwhile, and counted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager

from hub import counters, logs
from hub.domain.outcome import Fault
from hub.domain.run import Run, RunState
from hub.engine.guard import Tripped
from hub.store import runs
from sync_jobs.counts import Counts
from sync_jobs.hub import Hub
from sync_jobs.pull import LIVE

SYNC = "sync"
"""The run that holds all runs of one sync, so that a person can name it whole."""
COUNTED = {"read": "records_read", "heard": "records_heard"}
IDLE = {"api_calls", "unchanged", "read"}
"""What a run may count that did nothing: walks overlap, so they read again what they know."""
WRITTEN = ("created", "updated", "unchanged", "removed", "refused", "later", "in_doubt")


class Recorded:
    """A run in the store from its start to its end; its state comes from its counts. The block of it is the work of one
    task. Not `always`: one that reads, hears and writes nothing, and meets no trouble, leaves no trace; workers look
    every minute, for months."""

    def __init__(
        self, hub: Hub, job: str, connection: str, stream: str, lane: str = LIVE, *, always: bool = True
    ) -> None:
        self.hub = hub
        self._always = always
        self.id = hub.new_id("run")
        self._run = Run(self.id, job, hub.now_text(), connection, stream, lane)
        self._state = RunState.FAILED
        self._counts: Mapping[str, int] = {}
        self._note = "ended unexpectedly"
        self._began = 0.0
        lane = logs.names().get("lane", lane)  # of the tour, which knows better than the cursor
        self._names: AbstractContextManager[None] = logs.bound(
            run=self.id, job=job, connection=connection, stream=stream, lane=lane
        )

    async def __aenter__(self) -> Recorded:
        self._began = time.perf_counter()
        async with self.hub.database.write() as conn:
            await runs.start(conn, self._run)
        self._names.__enter__()
        return self

    def ended(self, counts: Counts, fault: Fault | None, tripped: tuple[Tripped, ...] = (), *, note: str = "") -> None:
        """`note` says more than the counts of a run that went well."""
        self._counts = {k: v for k, v in counts.as_dict().items() if v}
        self._state = RunState.PARKED if tripped else RunState.FAILED if fault else counts.state()
        self._note = "; ".join(str(t) for t in tripped) or (f"{fault.code}: {fault.message}" if fault else note)

    async def __aexit__(self, *_: object) -> None:
        self._names.__exit__(None, None, None)
        self._count()
        async with self.hub.database.write() as conn:
            if self._always or self._state is not RunState.DONE or self._counts.keys() - IDLE:
                await runs.finish(conn, self.id, self._state, self.hub.now_text(), note=self._note, counts=self._counts)
            else:
                await runs.drop(conn, self.id)

    def _count(self) -> None:
        """For metrics. What the runs of a sync count is not counted again by the sync."""
        run = self._run
        counters.add("runs", job=run.job, connection=run.connection, state=self._state.value)
        counters.time("run_seconds", time.perf_counter() - self._began, job=run.job)
        if run.job == SYNC:
            return
        place = {"connection": run.connection, "stream": run.stream}
        for word, name in COUNTED.items():
            if self._counts.get(word):
                counters.add(name, self._counts[word], **place)
        for outcome in WRITTEN:
            if self._counts.get(outcome):
                counters.add("writes", self._counts[outcome], outcome=outcome, **place)
