"""`GET /healthz`: this process lives and its event loop answers. `GET /readyz`: it can do its work now; 503, with what
is wrong, when it can't. Neither says anything about persons."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.operations.readiness import Readiness, readiness
from sync_jobs.hub import Hub

KEPT_SECONDS = 2.0
"""For so long an answer is given again: probes cost the store next to nothing."""


class Health:
    """The routes. `stopping` is set by whoever ends the process, before it ends: then nobody sends it work any more."""

    def __init__(
        self, hub: Hub, stopping: asyncio.Event | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._hub = hub
        self._stopping = stopping or asyncio.Event()
        self._clock = clock
        self._looking = asyncio.Lock()
        self._found: Readiness | None = None
        self._until = 0.0

    def routes(self) -> list[Route]:
        return [Route("/healthz", self.lives, methods=["GET"]), Route("/readyz", self.ready, methods=["GET"])]

    async def lives(self, request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def ready(self, request: Request) -> Response:
        found = await self._look()
        return JSONResponse(asdict(found), 200 if found.ok else 503)

    async def _look(self) -> Readiness:
        stopping = self._stopping.is_set()
        if stopping:
            return await readiness(self._hub, stopping=True)
        async with self._looking:
            if self._found is None or self._clock() >= self._until:
                self._found = await readiness(self._hub)
                self._until = self._clock() + KEPT_SECONDS
            return self._found
