"""The seeded world of messy people that the sandboxes share.

One seed gives one set of persons; each vendor shows its own, partial and mistyped, picture of them: overlaps,
duplicates, other cases and spaces, conflicting titles and companies, opt-outs that only some have heard of, shared
mailboxes, people without an e-mail and people with several.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from hub.sdk.crowd import EPOCH, Crowd, Person
from hub.sdk.names import OWNERS, TITLES
from hub.sdk.seed_campaigns import CampaignSeed, campaigns_at, plan_campaigns
from hub.sdk.slips import slip_company, slip_email, slip_given, slip_name, write_phone

__all__ = ["EPOCH", "OWNERS", "Appearance", "CampaignSeed", "World", "world"]


@dataclass(frozen=True, slots=True)
class Appearance:
    """One record of a person at one vendor, as typed there; texts are "" when absent.

    `person` is the index of the real person behind it; several appearances may share it, also at one vendor. `stage`
    is a canonical lifecycle stage, `owner` an e-mail of `OWNERS`, `phone` free-form. An opt-out has `opted_out_at`,
    unless the vendor keeps no time of it (`csv`); `opted_in_at` is the time of an evidenced subscription.
    """

    person: int
    given: str
    family: str
    email: str
    more_emails: tuple[str, ...]
    phone: str
    company: str
    title: str
    street: str
    city: str
    region: str
    postal_code: str
    country: str
    stage: str
    owner: str
    opted_out: bool
    opted_out_at: datetime | None
    opted_in_at: datetime | None
    created: datetime
    modified: datetime


@dataclass(frozen=True, slots=True)
class Habits:
    """How carefully a vendor's users type, as shares of records."""

    slips: float
    no_email: float = 0.0
    other_email: float = 0.0
    twice: float = 0.0
    unique_email: bool = False
    keeps_spaces: bool = False
    several_emails: bool = False
    keeps_consent_time: bool = True


HABITS = {
    "salesforce": Habits(0.07, no_email=0.08, other_email=0.1, twice=0.07),
    "salesforce_leads": Habits(0.12, no_email=0.04, other_email=0.15, twice=0.04),
    "hubspot": Habits(0.05, other_email=0.05, unique_email=True, several_emails=True),
    "mailchimp": Habits(0.06, other_email=0.12, twice=0.015, unique_email=True),
    "csv": Habits(0.2, no_email=0.03, other_email=0.1, twice=0.03, keeps_spaces=True, keeps_consent_time=False),
}
HEARS_OPT_OUT = 0.5
"""The chance that a vendor that was not told itself has heard of an opt-out."""


@dataclass(frozen=True, slots=True)
class World:
    """All persons and campaigns of a seed. Pictures are made when first asked for and kept."""

    seed: int
    people: int
    _persons: list[tuple[Person, ...]] = field(default_factory=list, repr=False, compare=False)
    _pictures: dict[str, tuple[Appearance, ...]] = field(default_factory=dict, repr=False, compare=False)

    def persons(self) -> tuple[Person, ...]:
        """The persons as they really are, for tests that ask who is who."""
        if not self._persons:
            self._persons.append(Crowd(self.seed, self.people).persons())
        return self._persons[0]

    def appearances(self, vendor: str) -> tuple[Appearance, ...]:
        """What "salesforce", "salesforce_leads", "hubspot", "mailchimp" or "csv" holds. KeyError for another name."""
        if vendor not in self._pictures:
            self._pictures[vendor] = _Typist(self.seed, vendor, HABITS[vendor]).picture(self.persons())
        return self._pictures[vendor]

    def campaigns(self, vendor: str) -> tuple[CampaignSeed, ...]:
        """What "salesforce", "mailchimp" or "google_ads" holds. KeyError for another name."""
        return campaigns_at(self.seed, vendor, plan_campaigns(self.seed, self.people))


def world(seed: int, people: int) -> World:
    """The world of a seed. ValueError when `people` is negative."""
    if people < 0:
        raise ValueError(f"a world cannot have {people} people")
    return World(seed, people)


class _Typist:
    """Types the persons into one vendor's system."""

    def __init__(self, seed: int, vendor: str, habits: Habits) -> None:
        self._rng = Random(f"{seed}/{vendor}")  # noqa: S311 - a seeded world, not a secret
        self._vendor = vendor
        self._habits = habits
        self._taken: set[str] = set()
        self._import_at = EPOCH - timedelta(days=200)

    def picture(self, persons: tuple[Person, ...]) -> tuple[Appearance, ...]:
        typed: list[Appearance] = []
        for person in persons:
            if self._vendor not in person.vendors:
                continue
            email, more = self._emails(person)
            if email or not self._habits.unique_email:
                typed.append(self._type(person, email, more, len(typed)))
            if self._rng.random() < self._habits.twice:
                again = self._second_email(person, email)
                if again or not self._habits.unique_email:
                    typed.append(self._type(person, again, (), len(typed)))
        return tuple(typed)

    def _emails(self, person: Person) -> tuple[str, tuple[str, ...]]:
        """The e-mail of the first record and further ones. ("", ()) where the vendor cannot take this person."""
        habits, rng = self._habits, self._rng
        if rng.random() < habits.no_email:
            return "", ()
        first, second = person.email, person.other_email
        if second and rng.random() < habits.other_email:
            first, second = second, first
        if habits.unique_email and first in self._taken:
            first, second = second, ""
        if habits.unique_email and (not first or first in self._taken):
            return "", ()
        self._taken.add(first)
        keeps = habits.several_emails and second and second not in self._taken and rng.random() < 0.6
        more = (second,) if keeps else ()
        self._taken.update(more)
        return slip_email(rng, first, habits.slips, spaces=habits.keeps_spaces), more

    def _second_email(self, person: Person, first: str) -> str:
        """The e-mail of a duplicate: the other address, or where the vendor allows it the same one typed again."""
        other = person.other_email
        if self._habits.unique_email:
            if not other or other in self._taken:
                return ""
            self._taken.add(other)
            return other
        if other and self._rng.random() < 0.3:
            return other
        return slip_email(self._rng, first.strip().lower(), 0.5, spaces=self._habits.keeps_spaces)

    def _type(self, person: Person, email: str, more: tuple[str, ...], number: int) -> Appearance:
        rng, rate = self._rng, self._habits.slips
        phone = person.other_phone if person.other_phone and rng.random() < 0.5 else person.phone
        out_at, in_at = self._consent(person)
        created, modified = self._times(person, number, out_at, in_at)
        full = rng.random() < 0.8
        city = person.city
        return Appearance(
            person=person.index,
            given=slip_given(rng, person.given, rate),
            family=slip_name(rng, person.family, rate),
            email=email,
            more_emails=more,
            phone=write_phone(rng, phone, person.place, 0.3 if person.place.code == "US" else 0.08),
            company=slip_company(rng, person.company, rate * 2),
            title=TITLES[int(rng.random() * len(TITLES))] if rng.random() < rate * 2 else person.title,
            street=person.street if full else "",
            city=slip_name(rng, city[0], rate / 2) if full else "",
            region=(city[1] if city[1] and rng.random() < 0.6 else city[2]) if full else "",
            postal_code=person.postal_code if full else "",
            country=person.place.spellings[
                0 if rng.random() < 0.6 else int(rng.random() * len(person.place.spellings))
            ],
            stage=self._stage(person),
            owner=person.owner if rng.random() < 0.9 else OWNERS[int(rng.random() * len(OWNERS))],
            opted_out=out_at is not None,
            opted_out_at=out_at if self._habits.keeps_consent_time else None,
            opted_in_at=in_at,
            created=created,
            modified=modified,
        )

    def _stage(self, person: Person) -> str:
        chance = self._rng.random()
        if chance < 0.12:
            return ""
        return "lead" if chance < 0.2 else person.stage

    def _consent(self, person: Person) -> tuple[datetime | None, datetime | None]:
        """When this vendor was told of an opt-out (all know the same moment), and when its owner subscribed."""
        joined = None
        if self._vendor == "mailchimp":
            joined = person.back_at or person.created + timedelta(hours=1)
        out = person.opted_out_at
        heard = person.told == self._vendor or self._rng.random() < HEARS_OPT_OUT
        if out is None or not heard or (joined is not None and joined > out):
            return None, joined
        return out, joined

    def _times(
        self, person: Person, number: int, out_at: datetime | None, in_at: datetime | None
    ) -> tuple[datetime, datetime]:
        """Created and modified, whole seconds. One record in six came by an import: many with the same times."""
        rng = self._rng
        if number % 250 == 0:
            self._import_at = EPOCH - timedelta(days=20 + int(rng.random() * 600))
        if rng.random() < 1 / 6 and out_at is None and in_at is None:
            return self._import_at, self._import_at
        created = person.created + timedelta(seconds=int(rng.random() * 86_400))
        if in_at is not None and created > in_at:
            created = in_at
        latest = max(created, out_at or created, in_at or created)
        span = (EPOCH - timedelta(hours=1) - latest).total_seconds()
        return created, latest + timedelta(seconds=int(max(0.0, span) * rng.random()))
