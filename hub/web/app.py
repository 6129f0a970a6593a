"""The hub's web application: the routes of its parts, and what runs beside them while it is served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from sync_jobs.hub import Hub


def make_app(hub: Hub) -> Starlette:
    """The application over an opened hub, which the caller closes after the serving has ended."""
    routes: list[BaseRoute] = []

    @asynccontextmanager
    async def beside(_: Starlette) -> AsyncIterator[None]:
        yield

    return Starlette(routes=routes, lifespan=beside)
