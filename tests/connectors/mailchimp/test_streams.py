"""Walks over the sandbox: nobody passed by, whatever people do meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from connectors.mailchimp import CONNECTOR
from hub.sdk.http import ContractBroken, Request, Response
from hub.sdk.streams import Cursor
from tests.connectors.mailchimp.driver import EMPTY, READS, START, Driver


def fill(driver: Driver, count: int, status: str = "subscribed") -> list[str]:
    """So many members, all of the same second."""
    return [
        driver.sandbox.people.create({"email_address": f"p{n}@firm.example", "status": status}) for n in range(count)
    ]


def test_a_full_walk_shows_everybody_and_is_complete() -> None:
    driver = Driver()
    found, last = driver.walk()
    assert set(found) == set(driver.sandbox.people.ids())
    assert last.complete
    assert last.cursor is not None
    assert last.cursor.at == "2026-01-05T09:00:00.000Z"
    assert last.total == len(found)
    assert {r.raw["status"] for r in found.values()} >= {"subscribed", "archived", "unsubscribed"}
    for record in found.values():
        assert set(record.raw) <= {"id", "contact_id", "merge_fields", *(p for p in READS if "." not in p)}
        assert record.aliases == (record.raw["id"],)


def test_the_query_is_what_mailchimp_documents() -> None:
    driver = Driver(world=EMPTY)
    stream = CONNECTOR.stream("members", driver.settings, READS)
    request = stream.request(stream.start(Cursor("2026-01-05T08:00:00.500Z"), START + timedelta(milliseconds=700)))
    query = dict(request.query)
    assert query["since_last_changed"] == "2026-01-05T07:49:59+00:00"
    assert (query["sort_field"], query["sort_dir"], query["count"]) == ("last_changed", "ASC", "1000")
    assert query["fields"].startswith("members.id,members.contact_id,members.email_address")
    assert query["fields"].endswith("total_items")
    assert "status" not in query


def test_an_incremental_walk_shows_what_changed_also_in_the_very_second() -> None:
    driver = Driver()
    _, last = driver.walk()
    people = driver.sandbox.people
    someone = next(iter(driver.walk()[0]))
    driver.clock.forward(hours=2)
    people.edit(someone, {"merge_fields.FNAME": "Edited"})
    found, last = driver.walk(cursor=last.cursor)
    assert set(found) == {someone}
    assert found[someone].raw["merge_fields"]["FNAME"] == "Edited"
    assert not last.complete
    driver.clock.forward(minutes=30)
    found, last = driver.walk(cursor=last.cursor)
    assert set(found) == {someone}, "the overlap reads the cursor's own time again"
    assert driver.walk(cursor=last.cursor)[0] == {}


def test_since_is_exclusive_so_the_cursor_is_read_again() -> None:
    driver = Driver(world=EMPTY, changes={"overlap_minutes": 0})
    driver.clock.forward(seconds=0.4)
    (first,) = fill(driver, 1)
    found, last = driver.walk()
    driver.clock.forward(seconds=0.5)
    driver.sandbox.people.edit(first, {"merge_fields.FNAME": "Same second"})
    driver.clock.forward(hours=1)
    found, _ = driver.walk(cursor=last.cursor)
    assert found[first].raw["merge_fields"]["FNAME"] == "Same second"


def test_more_members_of_one_second_than_a_page_holds() -> None:
    driver = Driver(world=EMPTY, changes={"page_size": 100})
    people = fill(driver, 730)
    driver.clock.forward(hours=1)
    late = driver.sandbox.people.create({"email_address": "late@firm.example"})
    found, last = driver.walk()
    assert set(found) == {*people, late}
    assert last.complete


def test_twenty_thousand_of_one_second() -> None:
    driver = Driver(world=EMPTY)
    for n in range(20_001):
        driver.sandbox.audience.place(f"p{n}@firm.example", "subscribed", source="Import")
    driver.clock.forward(hours=1)
    found, last = driver.walk(fields=("email_address",))
    assert len(found) == 20_001
    assert last.complete
    assert len(driver.sent) < 40


def test_no_offset_survives_a_run() -> None:
    driver = Driver(world=EMPTY, changes={"page_size": 100})
    fill(driver, 250)
    *_, last = driver.pages("members")
    assert last.cursor is not None
    position = CONNECTOR.stream("members", driver.settings, READS).start(last.cursor, driver.clock())
    assert "offset" not in position


def test_rows_that_leave_a_frozen_second_make_the_walk_step_back() -> None:
    """Offset drift: between two pages somebody of the first page is edited, so the rest moves up by one."""
    driver = Driver(world=EMPTY, changes={"page_size": 100})
    people = fill(driver, 730)
    driver.clock.forward(hours=1)
    edited: list[str] = []

    def meddle(request: Request) -> None:
        if "before_last_changed" in dict(request.query) and len(edited) < 30:
            for remote_id in people[len(edited) : len(edited) + 10]:
                driver.sandbox.people.edit(remote_id, {"merge_fields.FNAME": "Moved"})
                edited.append(remote_id)

    driver.after_send = meddle
    found, last = driver.walk()
    assert len(edited) == 30
    assert set(found) == set(people)
    assert all(found[e].raw["merge_fields"]["FNAME"] == "Moved" for e in edited)
    assert last.complete


def test_without_the_step_back_members_would_be_lost() -> None:
    """The same meddling against plain offset paging: this is what the window guards against."""
    driver = Driver(world=EMPTY)
    people = fill(driver, 300)
    driver.clock.forward(hours=1)
    client, seen = driver.client(), set()
    for offset in (0, 100, 200):
        body = client.lists.get_list_members_info(
            driver.list_id, count=100, offset=offset, before_last_changed="2026-01-05T09:00:01+00:00"
        )
        seen |= {m["contact_id"] for m in body["members"]}
        driver.sandbox.people.edit(people[offset], {"merge_fields.FNAME": "Moved"})
    assert len(seen) < 300


def test_edits_all_the_time_lose_nobody() -> None:
    driver = Driver(people=400, changes={"page_size": 20})
    people = driver.sandbox.people
    everyone = people.ids()
    count = iter(range(100_000))

    def meddle(request: Request) -> None:
        driver.clock.forward(seconds=1)
        n = next(count)
        if n < 60:
            people.edit(everyone[(n * 7) % len(everyone)], {"merge_fields.FNAME": f"Edit {n}"})

    driver.after_send = meddle
    found, last = driver.walk()
    assert set(found) == set(everyone)
    assert last.complete


@pytest.mark.parametrize("when", range(12))
def test_who_moves_between_the_sweeps_is_not_lost(when: int) -> None:
    """One member is archived and another one comes back at any moment of a full walk."""
    driver = Driver(people=300, changes={"page_size": 50})
    people = driver.sandbox.people
    everyone = people.ids()
    archived = [i for i in everyone if (people.get(i) or {})["status"] == "archived"]
    live = [i for i in everyone if i not in archived]
    count = iter(range(1000))

    def meddle(request: Request) -> None:
        driver.clock.forward(seconds=1)
        if next(count) == when:
            people.archive(live[when * 3])
            people.edit(archived[0], {"status": "subscribed"})

    driver.after_send = meddle
    found, last = driver.walk()
    assert last.complete
    assert set(found) == set(everyone)


def test_who_moves_between_the_sweeps_of_a_short_walk_comes_with_the_next() -> None:
    driver = Driver()
    _, last = driver.walk()
    people = driver.sandbox.people
    back = next(i for i in people.ids() if (people.get(i) or {})["status"] == "archived")
    driver.clock.forward(hours=1)
    seen: set[str] = set()

    def meddle(request: Request) -> None:
        if "status" not in dict(request.query) and not seen:
            people.edit(back, {"status": "subscribed"})
            seen.add("done")

    driver.after_send = meddle
    found, last = driver.walk(cursor=last.cursor)
    driver.clock.forward(minutes=1)
    found |= driver.walk(cursor=last.cursor)[0]
    assert found[back].raw["status"] == "subscribed"


def test_archived_is_shown_deleted_for_good_is_missing() -> None:
    driver = Driver()
    people = driver.sandbox.people
    first, second, *_ = (i for i in people.ids() if (people.get(i) or {})["status"] == "subscribed")
    driver.clock.forward(hours=1)
    people.archive(first)
    people.delete(second)
    found, last = driver.walk()
    assert found[first].raw["status"] == "archived"
    assert not found[first].gone
    assert second not in found
    assert last.complete


def test_the_reason_of_leaving_is_kept_behind_archived_and_dropped_when_they_come_back() -> None:
    driver = Driver(world=EMPTY)
    people = driver.sandbox.people
    (one,) = fill(driver, 1)
    people.opt_out(one)
    people.archive(one)
    assert driver.walk()[0][one].raw["unsubscribe_reason"]
    driver.clock.forward(hours=1)
    people.edit(one, {"status": "subscribed"})
    record = driver.walk()[0][one]
    assert "unsubscribe_reason" not in record.raw
    assert record.raw["timestamp_opt"] == "2026-01-05T10:00:00+00:00"


def test_a_new_address_is_the_same_record() -> None:
    driver = Driver(world=EMPTY)
    (one,) = fill(driver, 1)
    before = driver.walk()[0][one]
    driver.sandbox.people.edit(one, {"email_address": "new@firm.example"})
    after = driver.walk()[0][one]
    assert after.raw["email_address"] == "new@firm.example"
    assert before.aliases != after.aliases


def test_merge_fields_are_described() -> None:
    driver = Driver(world=EMPTY)
    stream = CONNECTOR.stream("members", driver.settings, ())
    request = stream.describe()
    assert request is not None
    fields = {f.path: f for f in stream.fields(driver.ask(request))}
    assert fields["merge_fields.FNAME"].title == "First Name"
    assert fields["merge_fields.ADDRESS.zip"].type == "text"
    assert fields["merge_fields.TIER"].choices == ("Bronze", "Silver", "Gold")
    assert fields["status"].choices
    assert fields["email_address"].required


# Answers that break the promise


def broken(driver: Driver, position: dict[str, Any], body: Any) -> None:
    stream = CONNECTOR.stream("members", driver.settings, READS)
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    with pytest.raises(ContractBroken) as caught:
        stream.page(position, Response(200, data))
    assert "@" not in str(caught.value)


def row(n: int, changed: str) -> dict[str, str]:
    return {
        "id": f"{n}",
        "contact_id": f"c{n}",
        "email_address": f"p{n}@firm.example",
        "status": "subscribed",
        "last_changed": changed,
    }


def test_answers_that_break_the_promise_stop_the_walk() -> None:
    driver = Driver(world=EMPTY)
    stream = CONNECTOR.stream("members", driver.settings, READS)
    full = stream.start(None, START)
    later = stream.start(Cursor("2026-01-05T08:00:00Z"), START)
    old, new = "2026-01-01T00:00:00+00:00", "2026-01-05T08:30:00+00:00"
    broken(driver, full, b"<!doctype html><html>Maintenance</html>")
    broken(driver, full, b'{"members": [{"id": "1", "email')
    broken(driver, full, [])
    broken(driver, full, {"members": {}, "total_items": 0})
    broken(driver, full, {"members": []})
    broken(driver, full, {"members": [], "total_items": 5})
    broken(driver, full, {"members": [row(1, new), row(2, old)], "total_items": 2})
    broken(driver, later, {"members": [row(1, old)], "total_items": 1})
    broken(driver, full, {"members": [row(1, "")], "total_items": 7})


def test_a_row_that_cannot_be_read_costs_only_itself() -> None:
    driver = Driver(world=EMPTY)
    stream = CONNECTOR.stream("members", driver.settings, READS)
    good = row(1, "2026-01-05T08:30:00+00:00")
    rows = [good, good | {"email_address": None}, good | {"last_changed": "yesterday"}, "text", {}]
    page = stream.page(stream.start(None, START), Response(200, orjson.dumps({"members": rows, "total_items": 5})))
    assert [r.id for r in page.records] == ["c1"]
    assert [(c.id, c.field) for c in page.complaints] == [
        ("c1", "email_address"),
        ("c1", "last_changed"),
        ("", ""),
        ("", "id"),
    ]


def test_a_second_that_keeps_growing_is_given_up() -> None:
    driver = Driver(world=EMPTY, changes={"page_size": 10})
    stream = CONNECTOR.stream("members", driver.settings, READS)
    changed = "2026-01-05T08:30:00+00:00"

    def walk() -> None:
        position: dict[str, Any] | None = stream.start(None, START)
        for n in range(1000):
            assert position is not None
            body = {"members": [row(i, changed) for i in range(10)], "total_items": 50 + n}
            position = stream.page(position, Response(200, orjson.dumps(body))).next

    with pytest.raises(ContractBroken, match="growing"):
        walk()
