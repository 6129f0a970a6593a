"""The hub's web application: the routes of its parts, and what runs beside them while it is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from hub import settings
from hub.web.health import Health
from hub.web.metrics import Metrics
from hub.web.webhooks import Webhooks
from sync_jobs import garbage
from sync_jobs.hub import Hub


def make_app(
    hub: Hub, *, webhooks: bool = True, public_url: str | None = None, stopping: asyncio.Event | None = None
) -> Starlette:
    """The application over an opened hub, which the caller closes after the serving has ended. A worker's application
    has no `webhooks`. `public_url`: the address that vendors call, when it isn't what HUB_PUBLIC_URL says. `stopping`
    is set when the process is asked to end: from then on it is not ready."""
    routes: list[BaseRoute] = [*Health(hub, stopping).routes(), *Metrics(hub).routes()]
    hooks = Webhooks(hub, settings.load().public_url if public_url is None else public_url) if webhooks else None
    if hooks is not None:
        routes += hooks.routes()

    @asynccontextmanager
    async def beside(_: Starlette) -> AsyncIterator[None]:
        if hooks is None:
            yield
            return
        await hooks.doors.look()
        garbage.spare()  # a look at all that is loaded takes longer than a vendor should wait
        task = asyncio.create_task(hooks.run(), name="webhooks")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return Starlette(routes=routes, lifespan=beside)
