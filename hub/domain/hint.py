"""Hints: somebody said that a remote record may have changed. Where to look, never what is there."""

from __future__ import annotations

from dataclasses import dataclass

ANYTHING = ""
"""In place of an id: something in the stream."""


@dataclass(frozen=True, slots=True, order=True)
class Hint:
    """A record of a stream that is worth a look; `ANYTHING` when nobody said which."""

    stream: str
    remote_id: str = ANYTHING


@dataclass(frozen=True, slots=True, order=True)
class Noted:
    """A hint as the store holds it. `at`: when it came, or came again last (ISO 8601)."""

    connection: str
    stream: str
    remote_id: str
    at: str
