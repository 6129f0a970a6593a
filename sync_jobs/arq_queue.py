"""The queue on Redis, by arq: it distributes wake-ups over workers, and nothing rests on it.

arq refuses a job whose id waits or runs, forgets jobs after a day, and runs one again whose worker died. None of it
matters: a wake-up says only where to look.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from hub import counters
from hub.logs import log
from sync_jobs.queue import MemoryQueue, Wake

_log = log(__name__)

FUNCTION = "tour"
"""The name of the job in arq."""
QUEUE = "hub:wakes"
"""The name of the queue in Redis."""
AWAY = (RedisError, OSError, TimeoutError)
"""What is raised when Redis is away."""
SECONDS = 2.0
"""How long a wake-up may take; then Redis counts as away."""
REST = 3.0
"""Seconds for which a Redis that was away is not asked: a sweep has many wake-ups, and each would wait."""


class ArqQueue:
    """Wake-ups to whichever worker is free, through arq on Redis. While Redis is away they go to this process, where
    `fallback` is worked off."""

    def __init__(self, url: str, *, slot: float = 30.0, clock: Callable[[], float] = time.time) -> None:
        self.fallback = MemoryQueue()
        self.settings = settings_of(url)
        self._slot = slot
        self._clock = clock
        self._pool: ArqRedis | None = None
        self._making = asyncio.Lock()
        self._away = False
        self._asked_next = 0.0

    async def pool(self) -> ArqRedis:
        """The connection; made when it is first needed. Raises one of `AWAY`."""
        async with self._making:
            if self._pool is None:
                once = replace(self.settings, conn_retries=0)
                self._pool = await create_pool(once, job_serializer=serialized, job_deserializer=orjson.loads)
            return self._pool

    async def wake(self, wake: Wake) -> None:
        if self._away and self._clock() < self._asked_next:
            await self._keep_here(wake)
            return
        try:
            async with asyncio.timeout(SECONDS):
                pool = await self.pool()
                await pool.enqueue_job(
                    FUNCTION, wake.connection, str(wake.lane), _job_id=self._id(wake), _queue_name=QUEUE
                )
            self._away = False
        except AWAY as error:
            if not self._away:
                _log.warning("the queue is away; this process goes on alone", error=type(error).__name__)
            self._away, self._asked_next = True, self._clock() + REST
            await self._keep_here(wake)

    async def _keep_here(self, wake: Wake) -> None:
        counters.add("wakes_kept_here")
        await self.fallback.wake(wake)

    async def waiting(self) -> int:
        """Of Redis, or -1 while it is away."""
        try:
            async with asyncio.timeout(SECONDS):
                return int(await (await self.pool()).zcard(QUEUE))
        except AWAY:
            return -1

    async def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        """A script of the budgets, which share the connection. Raises whatever the client raises."""
        return await cast(Awaitable[Any], (await self.pool()).evalsha(sha, numkeys, *keys_and_args))

    async def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        return await cast(Awaitable[Any], (await self.pool()).eval(script, numkeys, *keys_and_args))

    async def close(self) -> None:
        if self._pool is not None:
            with suppress(*AWAY):
                await self._pool.aclose()

    def _id(self, wake: Wake) -> str:
        """The same for the same wake-up, for a while: arq refuses an id that waits or runs, and one whose worker was
        killed seems to run until arq's own time for it is over. A lease decides who works; the id only spares looks."""
        return f"{wake.connection}/{wake.lane}/{int(self._clock() // self._slot)}"


def settings_of(url: str) -> RedisSettings:
    """How arq reaches that Redis. It must outlive a restart of it, so everything that one raises is tried again."""
    return replace(
        RedisSettings.from_dsn(url),
        conn_timeout=1,
        conn_retries=2,
        conn_retry_delay=1,
        retry_on_timeout=True,
        retry_on_error=[RedisError, OSError],
        retry=Retry(ExponentialBackoff(cap=0.5), 3),
    )


def serialized(job: dict[str, Any]) -> bytes:
    """JSON in place of pickles: whoever writes to Redis must not run code in a worker. Results and errors that are no
    JSON are told by their types."""
    return orjson.dumps(job, default=lambda value: type(value).__name__)
