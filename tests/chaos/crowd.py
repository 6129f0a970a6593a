"""People at work in all systems at once: they type, join, leave, and opt out."""

from __future__ import annotations

import asyncio
from random import Random
from threading import Event

from tests.chaos.theatre import EMAIL, SYSTEMS, TEXTS, System, Theatre
from tests.chaos.truth import Denial, Word

FAMILY = {"salesforce": "LastName", "hubspot": "lastname", "mailchimp": "merge_fields.LNAME"}
FIRST = 12
"""How many there are when it begins."""
SETTLED = 3.0
"""Seconds after which somebody who signed up may opt out: vendors' clocks count whole seconds."""


class Crowd:
    """Acts every `pace` seconds or so, until it is told to rest. Every fifth person is one whose records are deleted
    and whose fields are blanked; the others stay."""

    def __init__(self, chance: Random, pace: float, most: int = 60) -> None:
        self._chance = chance
        self._pace = pace
        self._most = most
        self._people = 0
        self._serial = 0
        self._joined: dict[str, float] = {}
        self.rest = Event()

    async def __call__(self, theatre: Theatre) -> None:
        for _ in range(FIRST):
            await self._join(theatre, newcomer=True)
        while not self.rest.is_set():
            await asyncio.sleep(self._chance.uniform(0.2, 1.8) * self._pace)
            acts = [self._edit] * 14 + [self._come] * 4 + [self._opt_out] + [self._leave] + [self._blank]
            await self._chance.choice(acts)(theatre)

    # --- acts -------------------------------------------------------------------------------------------------

    async def _come(self, theatre: Theatre) -> None:
        await self._join(theatre, newcomer=self._people < self._most and self._chance.random() < 0.6)

    async def _join(self, theatre: Theatre, *, newcomer: bool) -> None:
        """Somebody makes a record of a person, who may be known elsewhere."""
        system = theatre.systems[self._chance.choice(SYSTEMS)]
        number = self._people if newcomer else self._chance.randrange(self._people)
        self._people += newcomer
        email = f"person{number:04d}@example.com"
        if not newcomer and number % 5 == 0:
            return
        texts = {name: self._fresh() for name in TEXTS[system.name] if self._chance.random() < 0.7}
        fields = {EMAIL[system.name]: email, FAMILY[system.name]: f"Family{number:04d}"}
        async with system.lock:
            if email in theatre.truth.denied or system.sandbox.people.find(email) is not None:
                return  # signing up again would lift the opt-out
            try:
                remote_id = system.sandbox.people.create(
                    fields | {TEXTS[system.name][name]: text for name, text in texts.items()}
                )
            except ValueError:
                return
            now = theatre.clock()
            self._joined[email] = system.by_people[remote_id] = now
            theatre.truth.count("people's acts")
            theatre.truth.note(now, "person created", system.name, remote_id, email, texts)
            for name, text in texts.items():
                system.said(Word(email, system.name, remote_id, name, text, now))

    async def _edit(self, theatre: Theatre) -> None:
        await self._type(theatre, self._fresh(), loose=None)

    async def _blank(self, theatre: Theatre) -> None:
        await self._type(theatre, None, loose=True)

    async def _type(self, theatre: Theatre, text: str | None, loose: bool | None) -> None:
        system = theatre.systems[self._chance.choice(SYSTEMS)]
        async with system.lock:
            picked = self._pick(system, loose)
            if picked is None:
                return
            remote_id, email = picked
            name = self._chance.choice(sorted(TEXTS[system.name]))
            system.sandbox.people.edit(remote_id, {TEXTS[system.name][name]: text or ""})
            now = theatre.clock()
            theatre.truth.count("people's acts")
            theatre.truth.note(now, "person typed", system.name, remote_id, email, name, text)
            if text is None:
                theatre.truth.loose.add(email)
            system.said(Word(email, system.name, remote_id, name, text, now))

    async def _opt_out(self, theatre: Theatre) -> None:
        system = theatre.systems[self._chance.choice(SYSTEMS)]
        async with system.lock:
            picked = self._pick(system, None)
            if picked is None:
                return
            remote_id, email = picked
            now = theatre.clock()
            held = system.held(remote_id)
            recent = now - self._joined.get(email, 0.0) < SETTLED
            if recent or email in theatre.truth.denied or held is None or not held.contactable:
                return
            system.sandbox.people.opt_out(remote_id)
            theatre.truth.count("people's acts")
            theatre.truth.count("opt-outs")
            theatre.truth.note(now, "person opted out", system.name, remote_id, email)
            theatre.truth.denials.append(Denial(email, system.name, now))

    async def _leave(self, theatre: Theatre) -> None:
        system = theatre.systems[self._chance.choice(("salesforce", "hubspot"))]
        async with system.lock:
            picked = self._pick(system, True)
            if picked is None:
                return
            remote_id, email = picked
            theatre.truth.loose.add(email)
            theatre.truth.count("people's acts")
            theatre.truth.note(theatre.clock(), "person deleted", system.name, remote_id, email)
            system.sandbox.people.delete(remote_id)

    # --- whom, what -------------------------------------------------------------------------------------------

    def _pick(self, system: System, loose: bool | None) -> tuple[str, str] | None:
        there = [
            (remote_id, held.email)
            for remote_id, held in sorted(system.all().items())
            if loose is None or loose == (int(held.email[6:10]) % 5 == 0)
        ]
        return self._chance.choice(there) if there else None

    def _fresh(self) -> str:
        self._serial += 1
        return f"Nr{self._serial:06d}"
