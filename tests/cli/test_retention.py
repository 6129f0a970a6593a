"""`hub db trim` and how long things are kept, as an operator uses it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert

from hub.store import tables
from tests.cli.conftest import Hub
from tests.conftest import outside
from tests.stores import opened


async def old_runs(url: str) -> None:
    row = {"job": "pull", "connection": "crm", "stream": "contacts", "lane": "live", "state": "done", "note": ""}
    async with opened(url) as database, database.write() as conn:
        for day in range(1, 8):
            at = f"2026-01-0{day}T09:00:00.000Z"
            await conn.execute(insert(tables.runs).values(id=f"run{day}", **row, counts={}, started_at=at, ended_at=at))


def test_what_is_old_is_counted_then_forgotten(hub: Hub, home: Path) -> None:
    outside(old_runs(f"sqlite:///{home / 'hub.db'}"))
    assert hub("db", "trim", "--dry-run", "--json").json["rows"]["runs"] == 6
    assert "6 rows would be forgotten" in hub("db", "trim", "--dry-run").out
    done = hub("db", "trim", "--json").json
    assert (done["rows"]["runs"], done["keep"]["runs_days"]) == (6, 90)
    assert "0 rows forgotten" in hub("db", "trim").out
    assert [run["id"] for run in hub("runs", "--json").json["runs"]] == ["run7"], "the last of its kind stays"


def test_days_can_be_set_and_bad_ones_change_nothing(hub: Hub, home: Path) -> None:
    assert hub("settings", "--set", "keep.runs_days=30", "--set", "brakes.creates=7").code == 0
    shown = {s["name"]: (s["value"], s["source"]) for s in hub("settings", "--json").json["settings"]}
    assert (shown["keep.runs_days"], shown["keep.history_days"]) == (("30", "changed"), ("400", "default"))
    assert shown["brakes.creates"] == ("7", "changed")
    for bad in ("keep.runs_days=0", "keep.history_days=ever", "keep.idle_runs_days=-1"):
        refused = hub("settings", "--set", bad, "--set", "brakes.creates=40")
        assert (refused.code, "days, from 1 to" in refused.err) == (1, True)
    assert 'nearest is "keep.runs_days"' in hub("settings", "--set", "keep.run_days=3").err
    shown = {s["name"]: (s["value"], s["source"]) for s in hub("settings", "--json").json["settings"]}
    assert shown["keep.runs_days"] == ("30", "changed")
