"""One folder through the whole hub: exports in, one clean file out, and quiet afterwards."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.csv.sandbox import CsvSandbox, sandbox
from hub.operations import connections, home, issues
from hub.operations.sync import Synced, sync
from hub.operations.verify import verify
from hub.sdk.sandbox import SandboxOptions
from hub.store import observations
from sync_jobs.hub import Hub
from tests.connectors.csv.walks import NOW


@pytest.fixture
def exports() -> Iterator[CsvSandbox]:
    made = sandbox(SandboxOptions(seed=1, people=300, clock=lambda: NOW))
    yield made
    made.close()


def target(exports: CsvSandbox) -> list[dict[str, str]]:
    with (exports.folder / "hub-contacts.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


async def settled(hub: Hub) -> Synced:
    """Synced until quiet, and really quiet: the next sync writes nothing and everything agrees."""
    done = await sync(hub, None, until_quiet=True)
    assert done.quiet
    again = await sync(hub, None, until_quiet=True)
    assert again.writes == 0
    assert (await verify(hub)).differ == 0
    return done


async def living(hub: Hub, stream: str) -> int:
    async with hub.database.read() as conn:
        return (await observations.count(conn, "exports", stream)).live


async def test_one_folder_is_source_and_target(exports: CsvSandbox, tmp_path: Path) -> None:
    await home.init(tmp_path / "home", alone=True)
    async with home.opened(tmp_path / "home", alone=True) as hub:
        await connections.add(hub, "exports", "csv", base_url=exports.connection().base_url)
        await settled(hub)
        assert not (exports.folder / "hub-contacts.csv").exists()
        known = await living(hub, "contacts")
        assert known == len(exports.people.ids())

        await connections.set_writes(hub, "exports", True)
        await settled(hub)
        first = target(exports)
        assert 20 < len(first) <= known
        assert len({row["email"] for row in first}) == len(first)
        assert await living(hub, "hub_contacts") == len(first)
        denied = {row["hub_id"] for row in first if row["email_consent"] == "denied"}

        left = next(row for row in first if row["hub_id"] not in denied)
        record = exports.people.find(left["email"])
        assert record is not None
        exports.people.opt_out(record)
        await settled(hub)
        assert {row["hub_id"] for row in target(exports) if row["email_consent"] == "denied"} == denied | {
            left["hub_id"]
        }

        (exports.folder / "bad.csv").write_text("email,last_name\nnew@x.example,New\nonly\n")
        gone = next(id_ for id_ in exports.people.ids() if id_.startswith("hubspot:"))
        exports.people.delete(gone)
        await settled(hub)
        assert await living(hub, "contacts") == known + 1  # a walk with a complaint proves no deletion
        told = [issue.summary for issue in (await issues.all_(hub)).issues]
        assert any("bad.csv, line 3: 1 fields, expected 2" in title for title in told), told

        (exports.folder / "bad.csv").write_text("email,last_name\nnew@x.example,New\n")
        await settled(hub)
        assert await living(hub, "contacts") == known
        assert any(row["email"] == "new@x.example" for row in target(exports))
