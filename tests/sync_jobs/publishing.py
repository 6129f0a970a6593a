"""Publishing without a plan, for tests of what comes after."""

from __future__ import annotations

from hub.store import mappings
from sync_jobs.hub import Hub


async def publish(hub: Hub, name: str, text: str) -> int:
    """Makes `text` the published version of a document that nothing was read under yet; answers its number."""
    async with hub.database.write() as conn:
        draft = await mappings.add_draft(conn, name, text, "", who="test", why="", at=hub.now_text())
        await mappings.publish(conn, name, draft.version, hub.now_text(), "")
    await hub.wire()
    return draft.version
