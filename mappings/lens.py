"""The lens: a compiled mapping document. Pure; built once, used for every record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.domain.consent import ConsentReading
from hub.domain.keys import Key
from hub.domain.policy import StreamPolicy
from hub.domain.values import Value, Values
from mappings.clauses import ConsentDoc
from mappings.composites import Joiner
from mappings.computed import When
from mappings.consents import ConsentReader, tells
from mappings.matching import KeyReader
from mappings.misfit import kind_of
from mappings.paths import Raw, merged, touches
from mappings.readers import FieldReader
from mappings.reading import Payload, Reading, ValueComplaint
from mappings.scopes import Test
from mappings.writers import FieldWriter

CONSENT = "consent."


@dataclass(frozen=True, slots=True)
class Lens:
    """`get` a raw record in canonical words, `put` canonical values in the vendor's words.

    `reads` are the remote paths to request, `writes` those that payloads may hold; `hash` changes with the meaning
    of the document.
    """

    name: str
    connector: str
    stream: str
    entity: str
    hash: str
    policy: StreamPolicy
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    readers: tuple[FieldReader, ...] = field(repr=False)
    """Of all fields, in few loops."""
    by_field: Mapping[str, tuple[FieldReader, tuple[str, ...]]] = field(repr=False)
    """The reader of each field alone, and its paths."""
    writers: Mapping[str, FieldWriter] = field(repr=False)
    late: frozenset[str] = field(repr=False)
    """Fields whose remote form depends on others: written last."""
    keys: tuple[KeyReader, ...] = field(repr=False)
    consents: tuple[tuple[str, ConsentReader], ...] = field(repr=False)
    tellers: Mapping[str, ConsentDoc] = field(repr=False)
    scope: Test | None = field(repr=False)
    when: When | None = field(repr=False)
    joiners: tuple[Joiner, ...] = field(repr=False)
    """Writers of remote fields that hold several canonical ones."""
    narrow: Callable[[Collection[str]], Lens] = field(repr=False)
    some: Callable[[Collection[str]], tuple[FieldReader, ...]] = field(repr=False)
    """Readers of some fields, in few loops."""

    def without(self, names: Collection[str]) -> Lens:
        """The same lens with some canonical fields (`consent.<channel>` too) neither read nor written; their remote
        paths are not requested unless other parts of the document need them. Its hash differs."""
        return self.narrow(names)

    def get(self, raw: Raw, modified_at: str | None = None) -> Reading:
        """The record in canonical words. Any JSON is borne: what doesn't fit is complained of and left out."""
        complaints: list[ValueComplaint] = []
        if raw.__class__ is not dict and not isinstance(raw, Mapping):
            complaints.append(ValueComplaint("", "", kind_of(raw), "a record"))
            return Reading({}, complaints=tuple(complaints))
        values: dict[str, Value] = {}
        for read in self.readers:
            read(raw, values, complaints)
        consent: dict[str, ConsentReading] = {}
        for channel, look in self.consents:
            found = look(raw, modified_at, complaints)
            if found is not None:
                consent[channel] = found
        keys: list[Key] = []
        for take in self.keys:
            take(raw, values, keys)
        in_scope = True if self.scope is None else self.scope(raw)
        if self.when is not None:
            in_scope = self.when(raw, complaints) and in_scope
        return Reading(values, consent, tuple(keys), in_scope, tuple(complaints))

    def reader(self, names: Collection[str]) -> Callable[[Raw], dict[str, Value]]:
        """A function that reads only these fields, without keys, consent and complaints; `{}` of what is no record.

        What it gives is `get(raw).values` without the other fields. Names that the document lacks are passed over.
        Build it once for many records.
        """
        reads = self.some(names)

        def read_some(raw: Raw) -> dict[str, Value]:
            values: dict[str, Value] = {}
            if raw.__class__ is dict or isinstance(raw, Mapping):
                for read in reads:
                    read(raw, values, [])
            return values

        return read_some

    def put(self, values: Values, consent: Mapping[str, str] | None = None, raw: Raw | None = None) -> Payload:
        """The payload that makes a record show `values` and the consent states (`denied`, `granted`) by channel.

        Fields that are only read are passed over; so is what `raw`, the record as it is, shows already. `raw` is None
        for a record to be created.
        """
        payload: dict[str, Any] = {}
        complaints: list[ValueComplaint] = []
        late: list[tuple[FieldWriter, Value]] = []
        writers, waits = self.writers, self.late
        for name, value in values.items():
            write = writers.get(name)
            if write is None:
                continue
            if waits and name in waits:
                late.append((write, value))
            else:
                write(value, raw, payload, complaints)
        for write, value in late:
            write(value, merged(raw, payload), payload, complaints)
        for join in self.joiners:
            join(values, raw, payload, complaints)
        for channel, state in (consent or {}).items():
            self._tell(channel, state, raw, payload)
        return Payload(payload, tuple(complaints))

    def _tell(self, channel: str, state: str, raw: Raw | None, payload: dict[str, Any]) -> None:
        doc = self.tellers.get(channel)
        if doc is None:
            return
        shown = None
        if raw is not None:
            look = dict(self.consents).get(channel)
            shown = look(raw, None, []) if look is not None else None
        if shown is None or shown.state != state:
            payload.update(tells(doc, state))

    def expect(self, raw: Raw | None, payload: Mapping[str, Any]) -> Values:
        """What the record should show once `payload` was applied to `raw`: every field that the payload touches, and
        `consent.<channel>` where it tells a consent. The vendor may still keep it in another form."""
        after = merged(raw, payload)
        values: dict[str, Value] = {}
        for read, paths in self.by_field.values():
            if any(touches(path, written) for path in paths for written in payload):
                read(after, values, [])
        for channel, doc in self.tellers.items():
            for state in ("denied", "granted"):
                told = tells(doc, state)
                if told and all(path in payload and payload[path] == value for path, value in told.items()):
                    values[CONSENT + channel] = state
        return values
