"""Keys know an entity before it has an id of ours; ids of ours are derived, so that a replay gives the same ones."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple


class Key(NamedTuple):
    """One way to find a record: `kind` names the match rule ("email", "phone_name", "name"), `value` is normalised.

    Two records that share a key are the same entity. (A tuple, since several are made of every record and looked up
    in sets: a frozen dataclass takes twice as long for either.)
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @classmethod
    def parse(cls, text: str) -> Key:
        kind, _, value = text.partition(":")
        return cls(kind, value)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a remote record lives: connection, stream, the vendor's id."""

    connection: str
    stream: str
    remote_id: str


PREFIX = {"contact": "con", "campaign": "cam"}


def entity_id(entity: str, founder: Address) -> str:
    """The id of the entity that `founder` founded, e.g. `con_4k2...` (80 bits, base32, lower case)."""
    seed = "\x1f".join((entity, founder.connection, founder.stream, founder.remote_id))
    digest = blake2b(seed.encode(), digest_size=10).digest()
    return f"{PREFIX.get(entity, entity[:3])}_{base64.b32encode(digest).decode().lower()}"
