"""The worker's loops: wake-ups from arq on Redis, or from memory in a process that works alone."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any, cast

import orjson
from arq.typing import WorkerCoroutine
from arq.worker import Worker as ArqWorker
from arq.worker import func

from hub.domain.lane import Lane
from hub.logs import log
from sync_jobs.arq_queue import AWAY, FUNCTION, QUEUE, ArqQueue, serialized
from sync_jobs.crew import GRACE, Crew
from sync_jobs.queue import Job, MemoryQueue, Wake

POLL = 0.05
"""Seconds between two looks at the queue: arq's own half second bounds it to 200 jobs a second."""
JOB_SECONDS = 120
"""After which arq gives a job up; tours are bounded to far less. A job whose worker was killed is held for so long."""
PAUSE, PAUSE_MOST = 0.2, 5.0
"""Seconds before the queue is tried again, at first and at most."""
LASTED = 10.0
"""Seconds after which the queue was there, and going away is something new."""

LOG = log(__name__)


async def from_memory(crew: Crew, queue: MemoryQueue) -> None:
    """Starts a task for each wake-up, until the crew is to stop."""
    tasks: set[asyncio.Task[None]] = set()
    while not crew.stopping.is_set():
        while (wake := await queue.take()) is not None:
            task = asyncio.create_task(crew.do(wake))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await crew.stopping.wait()


async def from_redis(crew: Crew, queue: ArqQueue) -> None:
    """Works off arq's queue, until the crew is to stop. Redis may come and go: what it loses, the sweep finds again.
    A defect of arq or its client costs a new connection: a worker that took nothing any more would look alive."""
    pause = PAUSE
    while not crew.stopping.is_set():
        began = time.monotonic()
        worker = await _arq(crew, queue)
        try:
            await _serve(crew, worker)
        except Exception as error:
            if time.monotonic() - began > LASTED:
                pause = PAUSE
            _told(error, again_in=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await crew.stopping.wait()
            pause = min(pause * 2, PAUSE_MOST)
        finally:
            await _closed(worker)


def _told(error: Exception, again_in: float) -> None:
    if isinstance(error, AWAY):
        LOG.warning("the queue is away", error=type(error).__name__, again_in=again_in)
    else:
        LOG.error("the queue could not be read", error=type(error).__name__, exc_info=error)


class _Worker(ArqWorker):
    """arq's worker, whose tasks end in peace when Redis is away: arq leaves them behind, and the event loop would log
    each as a defect with its trace, whenever the garbage collector comes by. Its main loop is what says it."""

    async def run_job(self, job_id: str, score: int) -> None:
        with suppress(*AWAY):
            await super().run_job(job_id, score)

    async def finish_job(self, *given: Any) -> None:
        with suppress(*AWAY):
            await super().finish_job(*given)

    async def finish_failed_job(self, *given: Any) -> None:
        with suppress(*AWAY):
            await super().finish_failed_job(*given)


async def _arq(crew: Crew, queue: ArqQueue) -> ArqWorker:
    async def tour(_: dict[Any, Any], connection: str, lane: str) -> None:
        # Shielded: a queue that goes away ends no tour. The crew ends it when the process is to stop.
        await asyncio.shield(asyncio.create_task(crew.do(Wake(Job.TOUR, connection, lane=Lane(lane)))))

    logging.getLogger("arq").setLevel(logging.CRITICAL)  # every job would be a line or two; the crew says what failed
    return _Worker(
        [func(cast(WorkerCoroutine, tour), name=FUNCTION, keep_result=0, timeout=JOB_SECONDS, max_tries=1)],
        queue_name=QUEUE,
        redis_settings=queue.settings,
        handle_signals=False,
        max_jobs=crew.pace.jobs,
        poll_delay=POLL,
        keep_result=0,
        health_check_interval=30,
        job_serializer=serialized,
        job_deserializer=orjson.loads,
        log_results=False,
    )


async def _serve(crew: Crew, worker: ArqWorker) -> None:
    serving = asyncio.create_task(worker.main())
    stopped = asyncio.create_task(crew.stopping.wait())
    try:
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        worker.allow_pick_jobs = False
        if serving.done():
            serving.result()
        elif worker.tasks:
            await asyncio.wait({*worker.tasks.values()}, timeout=GRACE)
    finally:
        for task in (serving, stopped):
            task.cancel()
        await asyncio.gather(serving, stopped, return_exceptions=True)


async def _closed(worker: ArqWorker) -> None:
    """Lets go of Redis. arq's own tasks end; the tours they waited for go on."""
    tasks = [*worker.tasks.values()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=PAUSE_MOST)
    if worker.pool is None:  # Redis is away
        return
    with suppress(*AWAY):
        await worker.pool.aclose(close_connection_pool=True)
