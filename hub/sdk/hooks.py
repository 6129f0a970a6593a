"""A vendor's webhooks: how a request proves where it comes from, and where it says to look.

Pure, like all of a connector. A body is never believed: whatever it claims, only names of streams and ids come out of
it, and the hub looks for itself. It isn't even parsed before `verify` has agreed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeAlias

from hub.domain.hint import Hint
from hub.sdk.auth import Secret

AGE_MAX = 300.0
"""Seconds that a signature may be old, or its sender's clock ahead: what vendors recommend."""
BODY_MAX = 1 << 20
HINTS_MAX = 1_000
"""Hints of one request; beyond that it says no more than that something changed."""
ID_MAX = 255
SECRET_LEAST = 24
"""Characters of a secret that the operator thinks up, so that nobody guesses it."""
_BAD_IN_IDS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_DIGITS = re.compile(r"[0-9]{1,15}")


class Refusal(StrEnum):
    """Why a request is not taken. Never told to who sent it; counted, for the operator."""

    UNSIGNED = "unsigned"
    """It carries no proof, or none that can be read."""
    SIGNATURE = "signature"
    """Its proof is wrong: another secret, another address than the one signed, or a changed body."""
    OLD = "old"
    """Signed rightly, but more than `AGE_MAX` away from now."""
    FOREIGN = "foreign"
    """It speaks of another account than this connection's."""
    UNCHECKED = "unchecked"
    """Whose account this is was never asked: `hub connections check`."""
    UNREADABLE = "unreadable"
    """Proven, but not in a form that the vendor promises."""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """`url` is the whole address as the sender called it, header names are lower case, `body` is as it came. `account`:
    the key under which the vendor knows this connection's account, "" before the first check. `repr` shows neither
    address nor contents, which may hold secrets and persons."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime
    account: str = ""


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What the vendor takes for "arrived"."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


Verify: TypeAlias = Callable[[Any, Mapping[str, str], HookRequest], Refusal | None]
Hints: TypeAlias = Callable[[Any, HookRequest], Sequence[Hint] | Refusal]


@dataclass(frozen=True, slots=True)
class Hook:
    """One way in which requests come. `verify(settings, secrets, request)` looks at signature and age, in constant
    time, and at nothing else; `hints(settings, request)` is asked after it.

    `secrets`: any one of them opens the way; a connection that has none doesn't have this hook. `validates`: before it
    sends anything the vendor asks the address by GET, without proof, whether somebody is there. `setup`: what to tell
    the vendor, in a sentence.
    """

    secrets: tuple[Secret, ...]
    verify: Verify
    hints: Hints
    answer: HookAnswer = HookAnswer()
    validates: bool = False
    body_max: int = BODY_MAX
    setup: str = ""

    def ready(self, secrets: Mapping[str, str]) -> bool:
        return any(secrets.get(secret.name) for secret in self.secrets)


def same(given: str, expected: str) -> bool:
    """Whether two proofs are the same, in a time that says nothing about where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def signed(secret: str, *parts: bytes) -> bytes:
    """HMAC-SHA256 of the parts, one after the other."""
    mac = hmac.new(secret.encode(), digestmod=sha256)
    for part in parts:
        mac.update(part)
    return mac.digest()


def seconds(stamp: str) -> float | None:
    """Seconds since 1970 that a stamp names; None when it is anything but digits."""
    return float(stamp) if _DIGITS.fullmatch(stamp) else None


def fresh(at: float, request: HookRequest) -> bool:
    """Whether a moment, in seconds since 1970, is near enough to when the request came."""
    return abs(request.received_at.timestamp() - at) <= AGE_MAX


def is_id(text: str) -> bool:
    """Whether a text may be an id of a remote record at all."""
    return 0 < len(text) <= ID_MAX and not _BAD_IN_IDS.search(text)


def bounded(hints: Sequence[Hint]) -> tuple[Hint, ...]:
    """Each hint once, sorted; where there are more than `HINTS_MAX`, only which streams they speak of."""
    once = sorted(set(hints))
    if len(once) <= HINTS_MAX:
        return tuple(once)
    return tuple(Hint(stream) for stream in sorted({hint.stream for hint in once}))
