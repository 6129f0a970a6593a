"""The real persons behind a seeded world, and at which vendors each of them appears."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

from hub.domain.entities import LIFECYCLE_STAGES
from hub.sdk.names import (
    COMPANY_FIRST,
    COMPANY_FORMS,
    COMPANY_SECOND,
    FAMILY,
    FREE_MAIL,
    GIVEN,
    OWNERS,
    PLACES,
    ROLE_MAILBOXES,
    TITLES,
    Place,
)
from hub.sdk.slips import plain

_T = TypeVar("_T")

EPOCH = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""Seeded times lie before it."""

SHARED_EVERY = 71
"""Each so many persons, two (or three) in a row share the mailbox and the switchboard of their company."""

SHARES = (("salesforce", 0.5), ("salesforce_leads", 0.2), ("hubspot", 0.62), ("mailchimp", 0.52), ("csv", 0.12))
"""How many of the persons a vendor knows."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as they really are. `phone` and `other_phone` are E.164 digits without "+"; `other_email` and the two
    consent times may be absent; `told` is the vendor where the opt-out was said; `back_at` the time of a later
    double opt-in at Mailchimp."""

    index: int
    given: str
    family: str
    email: str
    other_email: str
    shared: bool
    phone: str
    other_phone: str
    company: str
    title: str
    place: Place
    city: tuple[str, str, str, str]
    street: str
    postal_code: str
    stage: str
    owner: str
    created: datetime
    opted_out_at: datetime | None
    back_at: datetime | None
    told: str
    vendors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Company:
    name: str
    domain: str
    switchboard: str


class Crowd:
    """Makes persons in order; keeps e-mails unique and never gives one phone to two persons of one name."""

    def __init__(self, seed: int, people: int) -> None:
        self._rng = Random(f"{seed}/people")  # noqa: S311 - a seeded world, not a secret
        self._people = people
        self._mails: set[str] = set()
        self._phones: set[tuple[str, str]] = set()
        self._serial = 0
        self._companies = tuple(self._company(n) for n in range(max(4, people // 8)))

    def persons(self) -> tuple[Person, ...]:
        made: list[Person] = []
        for index in range(self._people):
            place_in_row = index % SHARED_EVERY
            sharing = index >= SHARED_EVERY and place_in_row <= (2 if (index // SHARED_EVERY) % 3 == 0 else 1)
            leader = made[index - place_in_row] if sharing and place_in_row else None
            made.append(self._person(index, sharing, leader))
        return tuple(made)

    def _person(self, index: int, sharing: bool, leader: Person | None) -> Person:
        rng = self._rng
        given, family = self._pick(GIVEN), self._pick(FAMILY)
        company = self._pick(self._companies)
        place = PLACES[0] if sharing or rng.random() < 0.55 else self._pick(PLACES[1:])
        mailbox = ""
        if leader is not None:
            place, mailbox = leader.place, leader.email
            while (given, family) == (leader.given, leader.family):
                given, family = self._pick(GIVEN), self._pick(FAMILY)
        elif sharing:
            mailbox = self._unique(self._pick(ROLE_MAILBOXES), company.domain)
        phone = leader.phone if leader else company.switchboard if sharing else self._phone(place, given, family)
        personal = rng.random() < 0.2
        email = mailbox or self._address(given, family, self._pick(FREE_MAIL) if personal else company.domain)
        other = self._address(given, family, self._pick(FREE_MAIL)) if not sharing and rng.random() < 0.18 else ""
        created = EPOCH - timedelta(seconds=int(86_400 * (20 + 900 * rng.random())))
        vendors, city = self._vendors(sharing), self._pick(place.cities)
        out = (
            created + (EPOCH - timedelta(days=2) - created) * (0.1 + 0.8 * rng.random())
            if rng.random() < 0.09
            else None
        )
        back = out + (EPOCH - timedelta(days=1) - out) * rng.random() if out and rng.random() < 0.08 else None
        return Person(
            index=index,
            given=given,
            family=family,
            email=email,
            other_email=other,
            shared=sharing,
            phone=phone if sharing or rng.random() < 0.85 else "",
            other_phone=self._phone(place, given, family) if rng.random() < 0.12 else "",
            company=leader.company if leader else "" if personal and rng.random() < 0.5 else company.name,
            title=self._pick(TITLES),
            place=place,
            city=city,
            street=self._street(place),
            postal_code=f"{city[3]}{int(rng.random() * 100):02d}" if city[3].isdigit() else f"{city[3]} 1AA",
            stage=self._pick(LIFECYCLE_STAGES) if rng.random() < 0.85 else "",
            owner=self._pick(OWNERS),
            created=created,
            opted_out_at=_whole(out),
            back_at=_whole(back) if "mailchimp" in vendors else None,
            told=self._pick(vendors),
            vendors=vendors,
        )

    def _pick(self, items: tuple[_T, ...]) -> _T:
        return items[int(self._rng.random() * len(items))]

    def _vendors(self, sharing: bool) -> tuple[str, ...]:
        """At least one; who shares a mailbox is in Salesforce, where e-mails need not be unique; a person is rarely
        both a contact and a lead there."""
        drawn = [name for name, share in SHARES if self._rng.random() < share or (sharing and name == "salesforce")]
        if "salesforce" in drawn and "salesforce_leads" in drawn and self._rng.random() < 0.8:
            drawn.remove("salesforce_leads")
        return tuple(drawn) or (self._pick(tuple(name for name, _ in SHARES)),)

    def _company(self, number: int) -> _Company:
        first, second = self._pick(COMPANY_FIRST), self._pick(COMPANY_SECOND)
        form = self._pick(COMPANY_FORMS)
        host = f"{first}{second}".lower()
        if f"@{host}" in self._mails:
            host = f"{host}{number}"
            second = f"{second} {number}"
        self._mails.add(f"@{host}")
        name = f"{first} {second} {form}".strip()
        return _Company(name, f"{host}.example", self._phone(PLACES[0], "", f"{host}"))

    def _address(self, given: str, family: str, domain: str) -> str:
        """A personal address, ASCII with now and then an apostrophe."""
        first = plain(given).lower().replace(" ", "") or "li"
        last = plain(family).lower().replace(" ", "").replace(".", "") or "li"
        chance = self._rng.random()
        if chance > 0.3:
            last = last.replace("'", "")
        local = f"{first}.{last}" if chance < 0.7 else f"{first[0]}{last}" if chance < 0.9 else f"{first}_{last}"
        return self._unique(local, domain)

    def _unique(self, local: str, domain: str) -> str:
        address, number = f"{local}@{domain}", 1
        while address in self._mails:
            number += 1
            address = f"{local}{number}@{domain}"
        self._mails.add(address)
        return address

    def _phone(self, place: Place, given: str, family: str) -> str:
        """The next number of the place; in a large world numbers come round again, never to the same name."""
        name = (given + " " + family).casefold()
        while True:
            self._serial += 1
            prefix, digits = place.ranges[self._serial % len(place.ranges)]
            line = (self._serial // len(place.ranges)) % 10**digits
            number = f"{prefix}{line:0{digits}d}"
            if (number, name) not in self._phones:
                self._phones.add((number, name))
                return number

    def _street(self, place: Place) -> str:
        number, street = 1 + int(self._rng.random() * 220), self._pick(place.streets)
        return f"{number} {street}" if place.number_first else f"{street} {number}"


def _whole(moment: datetime | None) -> datetime | None:
    return moment.replace(microsecond=0) if moment else None
