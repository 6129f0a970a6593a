"""What an operator should know of the documents: files that nobody reads, drafts that wait, a re-reading not done."""

from __future__ import annotations

from pathlib import Path

from hub.domain.version import connection_of
from hub.operations.mappings import names, versions
from hub.store import mappings as store
from sync_jobs.hub import Hub


async def files(hub: Hub) -> dict[str, Path]:
    """Documents of which the home's own file says something else than what holds. Files are read when a connection is
    first made, and not again."""
    async with hub.database.read() as conn:
        published = await store.published(conn)
    found = {name: versions.own_file(hub.home, held) for name, held in published.items()}
    return {name: path.relative_to(hub.home) for name, path in found.items() if path is not None}


async def reading(hub: Hub) -> dict[str, bool]:
    """Documents whose records are still to be read again: whether the next sync can do it."""
    async with hub.database.read() as conn:
        rows = await store.pending(conn)
    return {r.name: not connection_of(r.name) or connection_of(r.name) in hub.wired for r in rows}


async def waiting(hub: Hub) -> dict[str, tuple[names.VersionLine, ...]]:
    """Open drafts by name."""
    async with hub.database.read() as conn:
        published = await store.published(conn)
        drafts = await store.drafts(conn)
    return {
        name: tuple(names.line(d, held, drafts) for d in drafts if d.name == name)
        for name, held in published.items()
        if any(d.name == name for d in drafts)
    }
