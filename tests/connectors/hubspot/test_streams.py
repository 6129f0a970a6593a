"""Reading contacts from the sandbox: full walks, changes, equal timestamps, deletions, merges."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from hub.domain.moments import iso, parse
from hub.sdk.http import ContractBroken, Response
from hub.sdk.streams import Cursor
from tests.connectors.hubspot.stage import FIELDS, Stage


def test_a_full_walk_shows_everybody_once_and_is_complete():
    stage = Stage(people=400)
    walk = stage.walk()
    assert len(walk.records) > 200
    assert sorted(walk.ids()) == sorted(stage.sandbox.people.ids())
    assert walk.last.complete
    for record in walk.records:
        shown = stage.sandbox.people.get(record.id)
        assert shown is not None
        assert record.raw == {name: shown[name] for name in FIELDS if name != "subscriptions.email"}
        assert record.modified_at == shown["lastmodifieddate"]


def test_the_cursor_trails_by_the_margin_so_that_a_late_index_loses_nothing():
    stage = Stage(people=20, search_margin_seconds=30, index_delay=timedelta(seconds=20))
    walk = stage.walk()
    assert walk.cursor.at == iso(stage.clock() - timedelta(seconds=30))
    someone = stage.sandbox.people.ids()[3]
    stage.clock.step(100)
    stage.sandbox.people.edit(someone, {"company": "Late & Sons"})
    stage.clock.step(1)
    early = stage.walk(walk.cursor)
    assert someone not in early.ids(), "the index is not supposed to show it yet"
    stage.clock.step(25)
    later = stage.walk(early.cursor)
    assert later.by_id()[someone].raw["company"] == "Late & Sons"
    stage.clock.step(60)
    settled = stage.walk(later.cursor)
    stage.clock.step(60)
    assert stage.walk(settled.cursor).ids() == []


def test_changes_are_read_by_id_so_that_a_stale_index_never_shows_an_old_value():
    stage = Stage(people=20, index_delay=timedelta(seconds=10))
    cursor = stage.walk().cursor
    someone = stage.sandbox.people.ids()[0]
    stage.clock.step(60)
    stage.sandbox.people.edit(someone, {"company": "First"})
    stage.clock.step(11)
    stage.sandbox.people.edit(someone, {"company": "Second"})
    stage.clock.step(1)
    body = {"filterGroups": [], "properties": ["company"], "limit": 200}
    found = stage.ask("POST", "/crm/v3/objects/contacts/search", json=body).json()
    assert {r["id"]: r for r in found["results"]}[someone]["properties"]["company"] == "First"
    assert stage.walk(cursor).by_id()[someone].raw["company"] == "Second"


def test_20001_contacts_of_one_millisecond_come_through_once():
    stage = Stage(archived_pages=0)
    start = stage.clock()
    stage.clock.step(3_600)
    ids = stage.bulk(20_001, at=start + timedelta(seconds=1_800))
    stage.clock.step(60)
    walk = stage.walk(Cursor(iso(start)))
    assert len(walk.records) == 20_001
    assert set(walk.ids()) == set(ids)
    assert walk.pages[0].total == 20_001
    assert not walk.last.complete
    offsets = [orjson.loads(r.body or b"{}").get("after") for r in stage.sent if r.path.endswith("/search")]
    assert not any(offsets), "offset paging would meet the ceiling of 10,000 results"


def test_12000_contacts_of_different_times_come_through_and_edits_during_the_walk_push_nobody_off_a_page():
    stage = Stage(archived_pages=0)
    start = stage.clock()
    with stage.sandbox.lock:
        contacts = stage.sandbox.account.contacts
        made = [
            contacts.create({"email": f"p{i}@people.example"}, at=start + timedelta(milliseconds=i)).id
            for i in range(12_000)
        ]
        contacts.seeded()
    stage.clock.step(600)
    stream = stage.stream()
    position, seen, page_number = stream.start(Cursor(iso(start)), stage.clock()), set(), 0
    while position:
        page = stream.page(position, stage.send(stream.request(position)))
        seen |= {record.id for record in page.records}
        position, page_number = page.next, page_number + 1
        stage.sandbox.people.edit(made[page_number * 7], {"company": "Moved during the walk"})
        stage.clock.step(2)
    assert seen == set(made)


def test_a_search_that_ignores_its_filter_or_order_is_refused_instead_of_looped():
    stream = Stage().stream()
    position = {**stream.start(Cursor("2026-01-01T00:00:00.000Z"), parse("2026-01-02T00:00:00Z")), "id": "500"}
    item = {"id": "500", "properties": {"lastmodifieddate": "2026-01-01T10:00:00.000Z"}}
    body = orjson.dumps({"total": 1, "results": [item]})
    with pytest.raises(ContractBroken, match="hs_object_id"):
        stream.page(position, Response(200, body))


def test_a_filter_that_is_silently_ignored_shows_nothing_from_before_the_window():
    stream = Stage(archived_pages=0).stream()
    position = stream.start(Cursor("2026-01-01T00:00:00.000Z"), parse("2026-01-02T00:00:00Z"))
    items = [
        {"id": "1", "properties": {"lastmodifieddate": "2025-12-31T23:59:59.999Z"}},
        {"id": "2", "properties": {"lastmodifieddate": "2026-01-01T00:00:00.000Z"}},
    ]
    page = stream.page(position, Response(200, orjson.dumps({"total": 2, "results": items})))
    assert page.next is not None
    assert page.next["ids"] == ["2"]


def test_a_list_whose_next_page_is_itself_is_refused():
    stream = Stage().stream()
    position = {**stream.start(None, parse("2026-01-02T00:00:00Z")), "after": "7"}
    body = orjson.dumps({"results": [], "paging": {"next": {"after": "7"}}})
    with pytest.raises(ContractBroken, match="did not move"):
        stream.page(position, Response(200, body))


def test_deleted_contacts_come_as_gone_after_the_changes():
    stage = Stage(people=60)
    cursor = stage.walk().cursor
    gone = stage.sandbox.people.ids()[5]
    email = stage.sandbox.people.get(gone)["email"]
    stage.clock.step(120)
    stage.sandbox.people.delete(gone)
    stage.clock.step(5)
    walk = stage.walk(cursor)
    assert walk.ids(gone=True) == [gone]
    assert walk.by_id()[gone].raw["email"] == email
    assert not walk.last.complete
    stage.clock.step(91 * 86_400)
    assert stage.walk(walk.cursor).ids(gone=True) == [], "archived contacts can be listed for 90 days"


def test_a_long_archived_list_is_read_in_turns_and_nothing_is_left_out():
    stage = Stage(archived_pages=1)
    ids = stage.bulk(350)
    cursor = stage.walk().cursor
    for one in ids:
        stage.sandbox.people.delete(one)
    stage.clock.step(120)
    gone: list[str] = []
    for turn in range(4):
        walk = stage.walk(cursor)
        assert len(walk.ids(gone=True)) == (100, 100, 100, 50)[turn]
        gone += walk.ids(gone=True)
        cursor = walk.cursor
        stage.clock.step(60)
    assert gone == ids
    assert cursor.id == ""


def test_without_archived_pages_deletions_are_left_to_full_walks():
    stage = Stage(people=30, archived_pages=0)
    stream = stage.stream()
    assert not stream.sees_deletes
    stage.sandbox.people.delete(stage.sandbox.people.ids()[0])
    walk = stage.walk()
    assert walk.ids(gone=True) == []
    assert walk.last.complete


def test_a_privacy_deletion_met_in_the_index_is_gone():
    stage = Stage(people=20, index_delay=timedelta(seconds=30))
    cursor = stage.walk().cursor
    someone = stage.sandbox.people.ids()[2]
    stage.clock.step(60)
    stage.sandbox.people.edit(someone, {"company": "x"})
    stage.clock.step(31)
    with stage.sandbox.lock:
        contacts = stage.sandbox.account.contacts
        contacts.erase(contacts.live[someone])
    walk = stage.walk(cursor)
    assert walk.ids(gone=True) == [someone]


def test_a_merge_shows_the_survivor_with_the_ids_it_absorbed():
    stage = Stage(people=60)
    first = stage.walk()
    winner, loser, third = first.ids()[:3]
    stage.clock.step(60)
    merged = stage.sandbox.people.merge(winner, loser)
    assert merged not in (winner, loser)
    again = stage.sandbox.people.merge(merged, third)
    stage.clock.step(10)
    walk = stage.walk(first.cursor)
    assert walk.ids(gone=True) == []
    assert set(walk.by_id()[again].aliases) == {winner, loser, third, merged}
    full = stage.walk()
    assert set(full.ids()) == set(stage.sandbox.people.ids())
    assert set(full.by_id()[again].aliases) == {winner, loser, third, merged}


def test_a_token_that_expires_in_mid_walk_is_renewed_and_nothing_is_lost():
    stage = Stage(people=800, connection="oauth")
    stream = stage.stream()
    position, ids = stream.start(None, stage.clock()), []
    while position:
        page = stream.page(position, stage.send(stream.request(position)))
        ids += [record.id for record in page.records]
        position = page.next
        stage.clock.step(20 * 60)
    assert sorted(ids) == sorted(stage.sandbox.people.ids())
    assert stage.refreshes >= 2


def test_a_long_list_of_properties_is_read_by_id_and_not_by_an_endless_url():
    stage = Stage(people=250)
    many = [f"custom_property_number_{i}" for i in range(400)]
    wide = stage.walk(stream=stage.stream((*FIELDS, *many)))
    assert wide.last.complete
    assert {r.id: r.raw for r in wide.records} == {r.id: r.raw for r in stage.walk().records}
    stage.sandbox.people.delete(wide.ids()[0])
    gone = stage.walk(stream=stage.stream((*FIELDS, *many)))
    assert gone.ids(gone=True) == [wide.ids()[0]]


def test_the_search_limit_is_waited_out():
    stage = Stage(archived_pages=0)
    start = stage.clock()
    stage.bulk(2_000, at=start)
    stage.clock.step(60)
    assert len(stage.walk(Cursor(iso(start))).records) == 2_000
    assert 1.0 in stage.waits


def test_one_malformed_record_costs_only_itself():
    stream = Stage().stream()
    items = [
        {"id": "1", "properties": {"email": "a@x.example", "firstname": ["Ann"]}, "updatedAt": "2026-01-01T00:00:00Z"},
        {"id": "2", "properties": None},
        {"id": "3", "properties": {"email": "c@x.example", "lastmodifieddate": "yesterday"}},
        {"id": "4", "properties": {"email": "d@x.example", "firstname": None}},
    ]
    page = stream.page(
        stream.start(None, parse("2026-01-02T00:00:00Z")), Response(200, orjson.dumps({"results": items}))
    )
    assert [r.id for r in page.records] == ["1", "2", "3", "4"], "left out, it would pass for deleted"
    assert "firstname" not in page.records[0].raw
    assert page.records[1].raw == {"id": "2"}
    assert page.records[3].raw["firstname"] is None
    assert [(c.id, c.field) for c in page.complaints] == [("1", "firstname"), ("2", ""), ("3", "lastmodifieddate")]
    assert not any("x.example" in c.message or "Ann" in c.message for c in page.complaints)


@pytest.mark.parametrize(
    "body",
    [b"<html><body>Back soon</body></html>", b'{"results":[{"id":"1","prop', b"", b'{"results":{}}', b"[]"],
)
def test_an_answer_that_is_none_stops_the_stream_and_keeps_nothing(body):
    stream = Stage().stream()
    with pytest.raises(ContractBroken):
        stream.page(stream.start(None, parse("2026-01-02T00:00:00Z")), Response(200, body))


def test_discovery_tells_what_may_be_written():
    stage = Stage()
    stream = stage.stream()
    infos = {info.path: info for info in stream.fields(stage.send(stream.describe()))}
    assert infos["lifecyclestage"].choices[0] == "subscriber"
    assert infos["email"].unique
    assert infos["email"].updatable
    assert not infos["hs_email_optout"].updatable
    assert not infos["id"].creatable
    assert infos["subscriptions.email"].updatable
    assert not infos["subscriptions.email"].readable
    assert infos["interests"].choices == ("newsletter", "product", "events")


def test_dated_paths_serve_the_same_contacts():
    stage = Stage(people=50, version="2026-03")
    walk = stage.walk()
    assert sorted(walk.ids()) == sorted(stage.sandbox.people.ids())
    assert all(request.path.startswith("/crm/objects/2026-03/contacts") for request in stage.sent)
