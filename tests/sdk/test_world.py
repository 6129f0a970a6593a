"""The seeded world: deterministic, messy in every way it promises, and plausible."""

from collections import Counter

import phonenumbers
import pytest

from hub.domain.entities import CAMPAIGN_CHANNELS, CAMPAIGN_STATUSES, LIFECYCLE_STAGES
from hub.sdk.slips import plain
from hub.sdk.world import EPOCH, OWNERS, Appearance, World, world

VENDORS = ("salesforce", "salesforce_leads", "hubspot", "mailchimp", "csv")


@pytest.fixture(scope="module")
def crowd() -> World:
    return world(7, 3000)


def everything(crowd: World) -> list[Appearance]:
    return [a for vendor in VENDORS for a in crowd.appearances(vendor)]


def test_same_seed_same_world_whatever_is_asked_first() -> None:
    first, second = world(3, 300), world(3, 300)
    second.appearances("mailchimp")
    assert [first.appearances(v) for v in VENDORS] == [second.appearances(v) for v in VENDORS]
    assert first.campaigns("salesforce") == second.campaigns("salesforce")
    assert world(4, 300).appearances("hubspot") != first.appearances("hubspot")


def test_there_are_clearly_more_records_than_people(crowd: World) -> None:
    records = sum(len(crowd.appearances(v)) for v in VENDORS if v != "csv")
    assert records > 1.5 * crowd.people
    assert {a.person for a in everything(crowd)} == set(range(crowd.people))


@pytest.mark.parametrize("vendor", ["hubspot", "mailchimp"])
def test_unique_emails_where_the_vendor_insists(crowd: World, vendor: str) -> None:
    appearances = crowd.appearances(vendor)
    every = [m.lower() for a in appearances for m in (a.email, *a.more_emails)]
    assert all(every)
    assert all(m == m.strip() for m in every)
    assert len(every) == len(set(every))


def test_salesforce_has_duplicates_and_people_without_email(crowd: World) -> None:
    contacts = crowd.appearances("salesforce")
    assert 0.03 < sum(1 for n in Counter(a.person for a in contacts).values() if n > 1) / len(contacts) < 0.12
    assert 0.03 < sum(1 for a in contacts if not a.email) / len(contacts) < 0.15


def test_vendors_disagree_about_the_same_person(crowd: World) -> None:
    theirs = {a.person: a for a in crowd.appearances("hubspot")}
    pairs = [(a, theirs[a.person]) for a in crowd.appearances("salesforce") if a.person in theirs]
    assert len(pairs) > 500
    for differs in (
        lambda a, b: a.title != b.title,
        lambda a, b: a.company != b.company,
        lambda a, b: a.phone != b.phone,
        lambda a, b: a.given != b.given and a.given.strip().casefold() == b.given.strip().casefold(),
        lambda a, b: a.email != b.email and a.email.lower() == b.email.lower(),
        lambda a, b: a.stage != b.stage,
        lambda a, b: a.opted_out != b.opted_out,
    ):
        assert 0 < sum(1 for a, b in pairs if differs(a, b)) < len(pairs)


def test_it_holds_every_promised_oddity(crowd: World) -> None:
    all_of = everything(crowd)
    text = " ".join(f"{a.given} {a.family} {a.email}" for a in all_of)
    for odd in ("O'Brien", "O\N{RIGHT SINGLE QUOTATION MARK}", "o'", "\N{PARTY POPPER}", "é", "Müller", "李"):
        assert odd in text, odd
    assert any(len(a.family) > 3 and a.family.isupper() for a in all_of)
    assert any(a.family.islower() for a in all_of)
    assert any(a.more_emails for a in crowd.appearances("hubspot"))
    assert any(a.email != a.email.strip() for a in crowd.appearances("csv"))
    assert any("  " in a.family or a.family != a.family.strip() for a in all_of)


def test_shared_mailboxes_belong_to_different_people(crowd: World) -> None:
    names: dict[str, set[int]] = {}
    for a in crowd.appearances("salesforce"):
        if a.email.lower().split("@")[0] in ("info", "sales", "office", "marketing", "contact"):
            names.setdefault(a.email.strip().lower(), set()).add(a.person)
    assert any(len(people) > 1 for people in names.values())
    who = crowd.persons()
    for people in names.values():
        assert len({(who[p].given, who[p].family) for p in people}) == len(people)


def test_a_personal_address_belongs_to_one_person(crowd: World) -> None:
    owner: dict[str, int] = {}
    shared = {p.email for p in crowd.persons() if p.shared}
    for a in everything(crowd):
        for mail in (a.email, *a.more_emails):
            key = mail.strip().lower()
            if key and key not in shared:
                assert owner.setdefault(key, a.person) == a.person


def test_no_two_people_share_name_and_phone(crowd: World) -> None:
    holder: dict[tuple[str, str], int] = {}
    for p in crowd.persons():
        for phone in filter(None, (p.phone, p.other_phone)):
            key = (phone, plain(p.given + p.family).casefold())
            assert holder.setdefault(key, p.index) == p.index


def test_times_are_in_order(crowd: World) -> None:
    for a in everything(crowd):
        assert a.created <= a.modified < EPOCH
        for moment in (a.opted_out_at, a.opted_in_at):
            assert moment is None or a.created <= moment <= a.modified
    batches = Counter(a.modified for a in crowd.appearances("salesforce"))
    assert max(batches.values()) > 20, "an import leaves many records with one time"


def test_an_opt_out_has_one_time_and_somebody_heard_it(crowd: World) -> None:
    who = crowd.persons()
    heard: set[int] = set()
    for vendor in VENDORS:
        for a in crowd.appearances(vendor):
            if a.opted_out:
                assert a.opted_out_at == (None if vendor == "csv" else who[a.person].opted_out_at)
                heard.add(a.person)
            else:
                assert a.opted_out_at is None
    assert len(heard) > 0.04 * crowd.people
    assert any(a.opted_in_at and not a.opted_out and a.person in heard for a in crowd.appearances("mailchimp"))


def test_phones_are_real_looking_numbers(crowd: World) -> None:
    phones = [(a.phone, crowd.persons()[a.person].place.code) for a in everything(crowd) if a.phone]
    good = sum(phonenumbers.is_valid_number(phonenumbers.parse(phone, country)) for phone, country in phones)
    assert good == len(phones)


def test_values_are_canonical_where_they_promise_it(crowd: World) -> None:
    assert {a.stage for a in everything(crowd)} <= {"", *LIFECYCLE_STAGES}
    assert {a.owner for a in everything(crowd)} == set(OWNERS)


def test_campaigns_overlap_by_code(crowd: World) -> None:
    by = {v: {c.code: c for c in crowd.campaigns(v)} for v in ("salesforce", "mailchimp", "google_ads")}
    assert by["salesforce"].keys() & by["mailchimp"].keys()
    assert by["salesforce"].keys() & by["google_ads"].keys()
    assert not by["mailchimp"].keys() & by["google_ads"].keys()
    for campaigns in by.values():
        for c in campaigns.values():
            assert c.channel in CAMPAIGN_CHANNELS
            assert c.status in CAMPAIGN_STATUSES
            assert c.start <= c.end
    assert {c.currency for c in by["google_ads"].values()} == {"USD"}


def test_an_unknown_vendor_is_an_error(crowd: World) -> None:
    with pytest.raises(KeyError):
        crowd.appearances("siebel")
    with pytest.raises(ValueError, match="-1"):
        world(1, -1)


def test_a_small_world_still_has_campaigns() -> None:
    assert len(world(1, 1).campaigns("google_ads")) >= 3
    assert world(1, 0).appearances("hubspot") == ()
