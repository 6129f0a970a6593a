"""What persons do in the vendors, and the truth about it: a log of their words, kept apart from the hub."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from hub.domain.moments import iso
from sync_jobs.simulation.stage import Stage

TEXTS = {"name": "given_name", "title": "title", "city": "city"}
"""Remote field -> canonical field, of those that people edit."""


@dataclass(frozen=True, slots=True)
class Word:
    """A person typed `value` into a field of a record. Values are unique, so a word can be recognised anywhere."""

    email: str
    connection: str
    remote_id: str
    field: str
    value: Any
    at: str


@dataclass(slots=True)
class Truth:
    """`unsure`: (email, field) whose winner can't be told from outside: a word was deleted or overwritten before
    anybody read it. `denied`: addresses that opted out anywhere."""

    words: list[Word] = field(default_factory=list)
    unsure: set[tuple[str, str]] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Crowd:
    """The persons at work. `chance` decides who does what."""

    stage: Stage
    chance: Random
    persons: int = 4
    truth: Truth = field(default_factory=Truth)
    serial: int = 0

    def email(self, number: int) -> str:
        return f"person{number}@example.com"

    def somebody(self) -> str:
        return self.email(self.chance.randrange(self.persons))

    def act(self) -> str:
        """One act of one person; what it was, for the trace."""
        acts = [self.edit] * 10 + [self.create] * 5 + [self.delete] * 2 + [self.blank] * 2 + [self.opt_out, self.merge]
        return self.chance.choice(acts)()

    def fresh(self, name: str) -> str:
        """A value that nobody typed before."""
        self.serial += 1
        return f"{name.title()} Nr{self.serial}"

    def say(self, connection: str, remote_id: str, fields: dict[str, Any]) -> None:
        email = str(self.vendor_email(connection, remote_id))
        now = iso(self.stage.now)
        for name, value in fields.items():
            if name in TEXTS:
                self.truth.words.append(Word(email, connection, remote_id, TEXTS[name], value, now))

    def vendor_email(self, connection: str, remote_id: str) -> str:
        person = self.stage.vendors[connection].get(remote_id) or {}
        return str(person.get("email") or "").strip().casefold()

    # --- the acts -----------------------------------------------------------------------------------------------

    def create(self) -> str:
        connection, email = self.chance.choice(sorted(self.stage.vendors)), self.somebody()
        vendor = self.stage.vendors[connection]
        if vendor.find(email):
            return f"create {connection} {email}: there already"
        typed = email if self.chance.random() < 0.7 else f" {email.upper()}"
        fields = {"email": typed}
        if self.chance.random() < 0.8:
            fields["name"] = self.fresh("name")
        if self.chance.random() < 0.6:
            fields["title"] = self.fresh("title")
        remote_id = vendor.create(fields)
        self.say(connection, remote_id, {k: v for k, v in fields.items() if k != "email"})
        return f"create {connection} {remote_id} {email}"

    def edit(self) -> str:
        picked = self.pick()
        if picked is None:
            return "edit: nobody there"
        connection, remote_id = picked
        name = self.chance.choice(sorted(TEXTS))
        value = self.fresh(name)
        self.stage.vendors[connection].edit(remote_id, {name: value})
        self.say(connection, remote_id, {name: value})
        return f"edit {connection} {remote_id} {name}={value}"

    def blank(self) -> str:
        picked = self.pick()
        if picked is None:
            return "blank: nobody there"
        connection, remote_id = picked
        name = self.chance.choice(sorted(TEXTS))
        if not (self.stage.vendors[connection].get(remote_id) or {}).get(name):
            return "blank: nothing to blank"
        self.stage.vendors[connection].edit(remote_id, {name: None})
        self.say(connection, remote_id, {name: None})
        return f"blank {connection} {remote_id} {name}"

    def delete(self) -> str:
        picked = self.pick()
        if picked is None:
            return "delete: nobody there"
        connection, remote_id = picked
        email = self.vendor_email(connection, remote_id)
        self._unread(connection, remote_id, email)
        self.stage.vendors[connection].delete(remote_id)
        return f"delete {connection} {remote_id}"

    def opt_out(self) -> str:
        picked = self.pick()
        if picked is None:
            return "opt out: nobody there"
        connection, remote_id = picked
        email = self.vendor_email(connection, remote_id)
        self.stage.vendors[connection].opt_out(remote_id)
        self.truth.denied.add(email)
        return f"opt out {connection} {remote_id}"

    def merge(self) -> str:
        """Two records of one vendor that are the same person become one, as its users would do."""
        for connection in sorted(self.stage.vendors):
            vendor = self.stage.vendors[connection]
            by_email: dict[str, list[str]] = {}
            for remote_id in vendor.ids():
                by_email.setdefault(self.vendor_email(connection, remote_id), []).append(remote_id)
            twins = next((ids for ids in by_email.values() if len(ids) > 1), None)
            if twins:
                email = self.vendor_email(connection, twins[0])
                self._unread(connection, twins[1], email)
                survivor = vendor.merge(twins[0], twins[1])
                return f"merge {connection} {twins[0]}+{twins[1]} -> {survivor}"
        return "merge: no twins"

    def pick(self) -> tuple[str, str] | None:
        there = [(c, i) for c in sorted(self.stage.vendors) for i in sorted(self.stage.vendors[c].ids())]
        return self.chance.choice(there) if there else None

    def _unread(self, connection: str, remote_id: str, email: str) -> None:
        """Words on a record that vanishes may never have been read: nobody can say who should win there."""
        for word in self.truth.words:
            if word.connection == connection and word.remote_id == remote_id:
                self.truth.unsure.add((email, word.field))
