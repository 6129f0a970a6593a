"""Walks over the sandbox: everything is shown, nothing twice in vain, deletions and merges are told apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.soql import Unaskable
from hub.sdk.streams import Cursor
from hub.sdk.world import world
from tests.connectors.salesforce.driver import EMPTY, LEAD_READS, READS, START, Clock, Driver


def test_a_full_walk_shows_everybody_once_and_is_complete(org: Driver) -> None:
    org.sandbox.api.queries.page_size = 17
    walked = org.walk()
    assert sorted(walked.ids) == sorted(org.sandbox.people.ids())
    assert len(set(walked.ids)) == len(walked.ids) > 20
    assert walked.pages[-1].complete
    assert [p.complete for p in walked.pages[:-1]] == [False] * (len(walked.pages) - 1)
    assert walked.pages[0].total == len(walked.ids)
    shown = org.sandbox.people.get(walked.ids[0])
    assert shown is not None
    for path, value in walked.records[0].raw.items():
        assert shown[path] == value


def test_more_than_two_thousand_rows_of_the_same_second_come_through(empty: Driver) -> None:
    planted = empty.plant(4_321, START + timedelta(minutes=1))
    empty.clock.forward(minutes=10)
    walked = empty.walk(cursor=Cursor("2026-01-05T09:00:00.000Z"))
    assert walked.ids == sorted(planted)
    assert walked.requests == 3
    assert not walked.pages[-1].complete


def test_pages_of_any_size_come_through_a_crash_on_every_page(empty: Driver) -> None:
    planted = empty.plant(1_000)
    empty.sandbox.api.queries.page_size = 230
    stream = CONNECTOR.stream("contacts", empty.settings, ["Email"])
    at = stream.start(Cursor("2026-01-04T09:00:00.000Z"), START)
    shown: list[str] = []
    while True:
        empty.sandbox.api.queries._open.clear()  # locators are lost with the process: positions don't need them
        fresh = CONNECTOR.stream("contacts", empty.settings, ["Email"])
        page = fresh.page(dict(at), empty.send(fresh.request(dict(at))))
        shown += [r.id for r in page.records]
        if page.next is None:
            break
        at = page.next
    assert shown == planted


def test_edits_during_a_full_walk_hide_nobody(empty: Driver) -> None:
    planted = empty.plant(600)
    empty.sandbox.api.queries.page_size = 200

    def people_edit(page: int) -> None:
        empty.clock.forward(minutes=1)
        for id_ in (planted[-1], planted[0], planted[350]):
            empty.sandbox.people.edit(id_, {"Title": f"after page {page}"})

    walked = empty.walk(between=people_edit)
    assert sorted(walked.ids) == sorted(planted)
    assert walked.pages[-1].complete
    assert walked.cursor.at == "2026-01-05T09:00:00.000Z"
    empty.clock.forward(minutes=1)
    again = empty.walk(cursor=walked.cursor)
    assert {planted[-1], planted[0], planted[350]} == set(again.ids)


def test_changes_are_shown_once_and_what_came_late_within_the_overlap(empty: Driver) -> None:
    empty.plant(50)
    cursor = empty.walk().cursor
    empty.clock.forward(minutes=2)
    empty.sandbox.org.commit_delay = timedelta(minutes=3)
    late = empty.sandbox.people.create({"LastName": "Late", "Email": "late@x.example"})
    empty.sandbox.org.commit_delay = timedelta(0)
    empty.clock.forward(minutes=1)
    first = empty.walk(cursor=cursor)
    assert first.ids == []
    empty.clock.forward(minutes=3)
    second = empty.walk(cursor=first.cursor)
    assert second.ids == [late], "its stamp lies before the cursor, but within the overlap"
    empty.clock.forward(minutes=30)
    assert empty.walk(cursor=second.cursor).ids == [late]
    assert empty.walk(cursor=Cursor("2026-01-05T09:30:00.000Z")).ids == []


def test_deleted_merged_and_undeleted(empty: Driver) -> None:
    plain, loser, winner, back, *_ = empty.plant(6)
    cursor = empty.walk().cursor
    people = empty.sandbox.people
    empty.clock.forward(minutes=20)
    people.delete(plain)
    assert people.merge(winner, loser) == winner
    people.delete(back)
    walked = {r.id: r for r in empty.walk(cursor=cursor).records}
    assert walked[plain].gone
    assert walked[plain].merged_into is None
    assert walked[loser].gone
    assert walked[loser].merged_into == winner
    assert not walked[winner].gone
    assert walked[back].gone
    people.undelete(back)
    assert not {r.id: r for r in empty.walk(cursor=cursor).records}[back].gone
    full = empty.walk()
    assert {r.id for r in full.records if r.gone} == {plain, loser}
    empty.clock.forward(days=16)
    assert {r.id for r in empty.walk().records if r.gone} == set(), "the recycle bin is emptied after 15 days"


def test_a_converted_lead_is_gone_and_lives_on_as_a_contact(empty: Driver) -> None:
    lead, other = empty.plant(2, name="lead")
    contact = empty.sandbox.leads.convert(lead)
    walked = {r.id: r for r in empty.walk("leads", LEAD_READS).records}
    assert walked[lead].gone
    assert walked[lead].merged_into is None, "a contact's id is no lead"
    assert walked[lead].raw["ConvertedContactId"] == contact
    assert not walked[other].gone
    assert empty.walk().ids == [contact]


def test_campaigns_carry_their_money(org: Driver) -> None:
    reads = ("Name", "BudgetedCost", "CurrencyIsoCode", "Campaign_Code__c")
    shown = {r.raw["Campaign_Code__c"]: r.raw for r in org.walk("campaigns", reads).records}
    seeds = {c.code: c for c in world(org.seed, org.people).campaigns("salesforce")}
    assert shown.keys() == seeds.keys() != set()
    for code, seed in seeds.items():
        assert set(shown[code]) == {"Id", *reads}
        assert shown[code]["CurrencyIsoCode"] == seed.currency
        units = seed.budget_minor if seed.currency == "JPY" else seed.budget_minor // 100
        assert shown[code]["BudgetedCost"] == units


def test_a_token_that_expires_mid_walk_costs_one_more_login(org: Driver) -> None:
    org.sandbox.api.queries.page_size = 10
    org.sandbox.sessions.rotates = True
    first = org.kept["refresh_token"]

    def expire(page: int) -> None:
        if page in (1, 3):
            org.sandbox.sessions.expire_all()

    walked = org.walk(between=expire)
    assert sorted(walked.ids) == sorted(org.sandbox.people.ids())
    assert org.sandbox.calls["POST /services/oauth2/token"] == 3
    assert org.kept["refresh_token"] not in ("", first), "each rotated refresh token was kept and used"


def test_a_session_left_idle_ends(org: Driver) -> None:
    org.log_in()
    org.clock.forward(hours=3)
    assert org.walk().pages[-1].complete
    assert org.sandbox.calls["POST /services/oauth2/token"] == 2


def test_a_field_list_that_no_query_takes_is_refused_at_once() -> None:
    driver = Driver(world=EMPTY)
    many = [f"A_rather_long_custom_field_name_{n:04d}__c" for n in range(500)]
    with pytest.raises(Unaskable, match="map fewer fields"):
        CONNECTOR.stream("contacts", driver.settings, many)
    with pytest.raises(Unaskable, match="not a Salesforce field path"):
        CONNECTOR.stream("contacts", driver.settings, ["Email FROM User"])


def test_an_unreadable_row_keeps_the_walk_from_being_complete() -> None:
    driver = Driver(clock=Clock(), world=EMPTY)
    planted = driver.plant(450)
    driver.sandbox.api.queries.page_size = 200
    driver.sandbox.org.tables["contact"][planted[5][:15]]["SystemModstamp"] = None
    walked = driver.walk()
    assert [c.id for p in walked.pages for c in p.complaints] == [planted[5]]
    assert len(walked.ids) == 449
    assert not walked.pages[-1].complete


def test_discovery_tells_lengths_choices_and_who_may_write(org: Driver) -> None:
    stream = CONNECTOR.stream("contacts", org.settings, READS)
    request = stream.describe()
    assert request is not None
    fields = {f.path: f for f in stream.fields(org.send(request))}
    assert fields["LastName"].required
    assert fields["LastName"].max_length == 80
    assert not fields["OwnerId"].required, "defaulted on create"
    assert fields["Tier__c"].choices == ("Gold", "Silver", "Bronze")
    assert fields["HubId__c"].unique
    assert not fields["SystemModstamp"].creatable
    assert not fields["Name"].updatable
    assert not fields["Owner.Email"].updatable
    assert "Account.Name" in fields
