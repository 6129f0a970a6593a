"""Alerts in the store: open once, told once; volumes by days from any hour; bounded counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.alert import Alert, AlertKind
from hub.domain.moments import iso
from hub.domain.observation import Record
from hub.store import alerts, gauges, observations, volumes
from hub.store.database import Database
from tests.store.statements import counted

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
AT, LATER = iso(NOW), iso(NOW + timedelta(minutes=5))
ALERT = Alert("failed/crm", AlertKind.FAILED, "crm", "", "crm is stopped", "mend it", AT, AT)


async def test_the_same_trouble_is_open_once_whoever_sees_it_first(database: Database) -> None:
    async with database.write() as conn:
        assert await alerts.begin(conn, [ALERT]) == 1
        assert await alerts.begin(conn, [replace(ALERT, began_at=LATER, seen_at=LATER)]) == 0
        assert await alerts.open_ones(conn) == [ALERT]
        await alerts.end(conn, [replace(ALERT, ended_at=LATER)])
        assert await alerts.open_ones(conn) == []
        again = replace(ALERT, began_at=LATER, seen_at=LATER)
        assert await alerts.begin(conn, [again]) == 1
        assert await alerts.open_ones(conn) == [again]
        assert await alerts.earlier(conn, ["failed/crm", "x"]) == [replace(ALERT, ended_at=LATER)]
        assert await alerts.earlier(conn, ["x"]) == []
        assert await alerts.latest(conn, 10) == [again, replace(ALERT, ended_at=LATER)]


async def test_what_is_still_to_be_told(database: Database) -> None:
    ended = replace(ALERT, key="brake/crm", began_at=iso(NOW - timedelta(hours=1)), ended_at=AT)
    async with database.write() as conn:
        await alerts.begin(conn, [ALERT, ended])
        assert await alerts.untold(conn, 10) == [ended, ALERT]
        await alerts.tell(conn, replace(ended, told_began_at=AT))
        assert [a.key for a in await alerts.untold(conn, 10)] == ["brake/crm", "failed/crm"]
        await alerts.tell(conn, replace(ended, told_began_at=AT, told_ended_at=LATER))
        assert await alerts.untold(conn, 10) == [ALERT]
        await alerts.last(conn, [replace(ALERT, seen_at=LATER, summary="still")])
        assert [(a.summary, a.seen_at, a.told_began_at) for a in await alerts.untold(conn, 10)] == [
            ("still", LATER, None)
        ]


async def test_where_nobody_is_told_only_what_is_open_waits_for_somebody(database: Database) -> None:
    ended = replace(ALERT, key="brake/crm", ended_at=AT)
    async with database.write() as conn:
        await alerts.begin(conn, [ALERT, ended])
        await alerts.take_as_told(conn, LATER)
        assert [a.key for a in await alerts.untold(conn, 10)] == ["failed/crm"]


async def test_volumes_are_summed_by_days_that_end_now(database: Database) -> None:
    async with database.write() as conn:
        for hours, changed in ((0, 1), (0, 2), (23, 4), (24, 8), (24 * 34, 16), (24 * 35 + 23, 32)):
            await volumes.add(conn, "crm", "contacts", NOW - timedelta(hours=hours), changed)
        await volumes.add(conn, "crm", "contacts", NOW, 0, 500)
        await volumes.add(conn, "crm", "contacts", NOW - timedelta(hours=5), 0, 400)
        await volumes.add(conn, "crm", "contacts", NOW, 0)
        await volumes.add(conn, "ads", "facts", NOW, 7)
        assert await volumes.fetch(conn, NOW) == {
            ("crm", "contacts"): volumes.Volume({0: 7, 1: 8, 34: 16}, [500, 400]),
            ("ads", "facts"): volumes.Volume({0: 7}, []),
        }


async def test_a_backlog_is_counted_up_to_a_bound_by_one_statement(database: Database) -> None:
    records = [Record(str(n), {"n": n}) for n in range(30)]
    async with database.write() as conn:
        await observations.keep(conn, "crm", "contacts", records[:10], seen_at=AT)
        await observations.keep(conn, "crm", "contacts", records[10:], seen_at=LATER)
        await observations.keep(conn, "crm", "leads", records, seen_at=LATER)
        with counted(conn) as seen:
            assert await gauges.unheard(conn, "crm", "contacts") == gauges.Backlog(30, AT)
        assert len(seen) == 1
        assert await gauges.unheard(conn, "crm", "nothing") == gauges.Backlog()
        assert await gauges.held(conn) == {("crm", "contacts"): 30, ("crm", "leads"): 30}
        assert await gauges.unsettled(conn) == {}
        assert await gauges.alive(conn, AT) == 0


async def test_a_backlog_is_counted_no_further_than_its_bound(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "COUNTED_MOST", 7)
    async with database.write() as conn:
        records = [Record(str(n), {"n": n}) for n in range(30)]
        await observations.keep(conn, "crm", "contacts", records, seen_at=AT)
        assert (await gauges.unheard(conn, "crm", "contacts")).count == 7
