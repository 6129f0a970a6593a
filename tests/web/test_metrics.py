"""`/metrics`: what is listed is there, nothing else is, and a scraper costs the store next to nothing."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from hub import counters
from hub.domain.moments import iso
from hub.operations import gauges
from hub.operations.gauges import Gauge, Gauges
from hub.store import tables
from hub.web.metrics import METRICS, Kind, rendered
from sync_jobs import recording
from tests.sync_jobs.test_counts import counted
from tests.web.conftest import House

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "deploy" / "metrics.md"
ROW = re.compile(r"^\| `(hub_\w+)` \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters of this test alone."""
    monkeypatch.setattr(counters, "_counted", type(counters._counted)())
    monkeypatch.setattr(counters, "_timed", {})


def samples(page: bytes | str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = page.decode() if isinstance(page, bytes) else page
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def heads(page: bytes | str) -> set[str]:
    text = page.decode() if isinstance(page, bytes) else page
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE hub_")}


async def test_the_table_for_people_and_the_endpoint_list_the_same(house: House) -> None:
    listed = {name: (labels, means) for name, labels, means in ROW.findall(TABLE.read_text())}
    async with house.client() as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert heads(answer.text) == set(listed)
    expected = {m.shown: (", ".join(f"`{name}`" for name in m.labels), m.means) for m in METRICS}
    assert {name: (labels.strip(), means.strip()) for name, (labels, means) in listed.items()} == expected


def names_in_code() -> Iterator[tuple[str, str, set[str]]]:
    """Every counter of the code: how it is counted, its name, its labels."""
    for path in [
        *(ROOT / "hub").rglob("*.py"),
        *(ROOT / "sync_jobs").rglob("*.py"),
        *(ROOT / "connectors").rglob("*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "counters" and node.args):
                continue
            first = node.args[0]
            names = [first.value] if isinstance(first, ast.Constant) else list(recording.COUNTED.values())
            labels = {k.arg for k in node.keywords if k.arg is not None}
            labels |= {"connection", "stream"} if any(k.arg is None for k in node.keywords) else set()
            yield from ((node.func.attr, str(name), labels) for name in names)


def test_every_counter_of_the_code_is_described_with_its_labels() -> None:
    kinds = {"add": Kind.COUNTER, "time": Kind.HISTOGRAM, "timing": Kind.HISTOGRAM}
    described = {m.name: (m.kind, set(m.labels)) for m in METRICS if m.kind is not Kind.GAUGE}
    found = {name: (kinds[how], labels) for how, name, labels in names_in_code()}
    assert found == described


def test_every_gauge_of_the_code_is_described_with_its_labels() -> None:
    text = (ROOT / "hub" / "operations" / "gauges.py").read_text()
    named = set(re.findall(r'Gauge\("(\w+)"', text)) | {"build_info"}
    assert named == {m.name for m in METRICS if m.kind is Kind.GAUGE}


def test_numbers_and_labels_arrive(counting: None) -> None:
    counters.add("writes", 3, connection="crm", stream="contacts", outcome="created")
    counters.add("writes", 2, connection="crm", stream="contacts", outcome="created")
    counters.add("leases_lost")
    counters.add("of_somebody_else", 7)
    for seconds in (0.004, 0.05, 0.2, 7.0, 4_000.0):
        counters.time("run_seconds", seconds, job="pull")
    found = samples(rendered([Gauge("records_held", 5, {"connection": "crm", "stream": "contacts"})]))
    crm = (("connection", "crm"), ("stream", "contacts"))
    assert found["hub_writes_total", (("connection", "crm"), ("outcome", "created"), ("stream", "contacts"))] == 5
    assert found["hub_leases_lost_total", ()] == 1
    assert found["hub_records_held", crm] == 5
    buckets = {labels[1][1]: v for (name, labels), v in found.items() if name == "hub_run_seconds_bucket"}
    assert (buckets["0.01"], buckets["0.05"], buckets["0.5"], buckets["10.0"], buckets["+Inf"]) == (1, 2, 3, 4, 5)
    assert found["hub_run_seconds_sum", (("job", "pull"),)] == pytest.approx(4_007.254)
    assert not any("somebody" in name for name, _ in found)


def test_no_label_shows_an_address_or_a_secret(counting: None) -> None:
    counters.add("retries", connection="ann@example.com", fault="Bearer abcdefgh12345678")
    page = rendered([Gauge("issues_open", 1, {"connection": "+49 30 1234567", "kind": "x" * 500})]).decode()
    for leak in ("ann@", "abcdefgh1", "1234567", "x" * 100):
        assert leak not in page


async def test_the_gauges_of_a_store(house: House) -> None:
    async with house.client() as client:
        found = samples((await client.get("/metrics")).text)
    assert found["hub_store_up", ()] == 1
    shop = (("connection", "shop"),)
    assert found["hub_circuit_open", shop] == found["hub_writes_unsettled", shop] == 0
    assert found["hub_records_unheard", (("connection", "shop"), ("stream", "people"))] == 0
    assert found["hub_workers_alive", ()] == found["hub_queue_waiting", ()] == 0
    assert any(name == "process_open_fds" for name, _ in found)


async def test_only_the_process_asks_nothing_of_the_store(house: House) -> None:
    async with house.client() as client:
        with counted() as seen:
            page = (await client.get("/metrics?only=process")).text
    assert seen == []
    assert ("hub_store_up", ()) not in samples(page)


async def test_a_scraper_that_comes_all_the_time_asks_once(house: House) -> None:
    now = [0.0]
    asked = Gauges(house.hub, clock=lambda: now[0])
    first = await asked.all()
    for _ in range(20):
        now[0] += 0.4
        with counted() as seen:
            assert await asked.all() == first
        assert seen == []
    now[0] += gauges.KEPT_LEAST
    with counted() as seen:
        await asked.all()
    assert seen


async def test_a_dear_question_is_asked_seldom(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [0.0], [0, 0]

    async def dear(_: object) -> list[Gauge]:
        asked[0] += 1
        now[0] += 2.0
        return [Gauge("records_held", asked[0])]

    async def cheap(_: object) -> list[Gauge]:
        asked[1] += 1
        return []

    monkeypatch.setattr(gauges, "QUESTIONS", {"dear": dear, "cheap": cheap})
    ours = Gauges(house.hub, clock=lambda: now[0])
    for _ in range(60):
        await ours.all()
        now[0] += 10.0
    assert asked[0] <= 7, "two seconds each, a fiftieth of ten minutes"
    assert asked[1] >= 55


async def test_one_question_that_fails_takes_no_other_along(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: object) -> list[Gauge]:
        raise KeyError("a defect")

    async def sound(_: object) -> list[Gauge]:
        return [Gauge("workers_alive", 2)]

    monkeypatch.setattr(gauges, "QUESTIONS", {"broken": broken, "sound": sound})
    assert await Gauges(house.hub).all() == (Gauge("store_up", 1.0), Gauge("workers_alive", 2))


async def test_a_store_that_is_away_leaves_what_the_process_counted(house: House) -> None:
    async with house.client() as client:
        await client.get("/metrics")
        await house.hub.database.close()

        async def away(*_: object) -> None:
            raise ConnectionRefusedError

        house.hub.refresh = away  # type: ignore[method-assign]
        ours = Gauges(house.hub)
        assert await ours.all() == (Gauge("store_up", 0.0),)


async def test_scrapers_do_not_queue_up_before_a_store_that_says_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "ANSWERS_WITHIN", 0.1)
    asked = 0

    async def silent(*_: object) -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    monkeypatch.setattr(house.hub, "refresh", silent)
    now = [0.0]
    ours = Gauges(house.hub, clock=lambda: now[0])
    assert await asyncio.gather(*(ours.all() for _ in range(5))) == [(Gauge("store_up", 0.0),)] * 5
    assert asked == 1
    now[0] += 1.0
    await ours.all()
    assert asked == 2, "it is asked again after a while"


async def test_an_opt_out_that_gets_nowhere_grows_old(house: House) -> None:
    seen = iso(house.now - timedelta(hours=2))
    async with house.hub.database.write() as conn:
        row = {"entity_id": "e", "channel": "email", "state": "denied", "seen_at": seen, "heard_at": seen}
        await conn.execute(insert(tables.consent_changes).values(row))
    found = {gauge.name: gauge.value for gauge in await Gauges(house.hub).all() if not gauge.labels}
    assert (found["consent_changes_open"], found["oldest_consent_change_seconds"]) == (1, 7200.0)


async def test_quotas_of_an_account_are_told_once(house: House) -> None:
    await house.connect("hs-one", "hubspot", {"token": "a" * 20}, {"key": "portal-1"})
    await house.connect("hs-two", "hubspot", {"token": "b" * 20}, {"key": "portal-1"})
    async with house.client() as client:
        found = samples((await client.get("/metrics")).text)
    limits = {dict(labels)["connection"] for name, labels in found if name == "hub_quota_limit"}
    assert limits <= {"hs-one"}
