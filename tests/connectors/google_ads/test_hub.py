"""Google Ads through the whole hub: campaigns become golden records, restated days overwrite what was known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from connectors.google_ads.sandbox import sandbox
from hub.operations import connections
from hub.operations.sync import sync
from hub.sdk.sandbox import SandboxOptions, serve
from hub.store import facts
from hub.store.facts import KnownFact
from sync_jobs.hub import Hub
from tests.connectors.google_ads.driver import Clock


async def known(hub: Hub) -> dict[tuple[str, str], KnownFact]:
    found: dict[tuple[str, str], KnownFact] = {}
    async with hub.database.read() as conn:
        async for batch in facts.current(conn, connection="ads"):
            found.update({(item.fact.campaign_ref, item.fact.day): item for item in batch})
    return found


async def test_restated_days_overwrite_what_was_known(tmp_path: Path) -> None:
    clock = Clock()
    ads = sandbox(SandboxOptions(seed=3, people=4000, clock=clock))
    given = ads.connection()

    async def sleep(seconds: float) -> None:
        clock.now += timedelta(seconds=seconds)

    with serve(ads.app) as running:
        async with await Hub.open(tmp_path, clock=clock, sleep=sleep) as hub:
            settings = {name: str(value) for name, value in given.settings.items()} | {"history_from": "2025-11-01"}
            await connections.add(
                hub, "ads", "google_ads", base_url=running.url, settings=settings, secrets=dict(given.secrets)
            )
            assert (await sync(hub, None, until_quiet=True)).ok
            before = await known(hub)
            clock.now += timedelta(days=6)
            assert (await sync(hub, None, until_quiet=True)).ok
            after = await known(hub)
    assert len(before) > 200
    assert before.keys() <= after.keys()
    restated = {key for key in before if before[key].fact != after[key].fact}
    assert restated
    assert min(day for _, day in restated) >= "2025-12-06"
    assert max(day for _, day in after) == "2026-01-11"
    older = [key for key in restated if key[1] < "2026-01-02"]  # no longer partial, conversions go on arriving
    assert older
    assert all((after[k].fact.conversions or 0) >= (before[k].fact.conversions or 0) for k in older)
    assert all(before[k].fact.impressions == after[k].fact.impressions for k in older)
