"""What somebody should know, from its beginning to its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b


class AlertKind(StrEnum):
    FAILED = "failed"
    """A connection was stopped, cannot be used, or fails again and again."""
    CIRCUIT_OPEN = "circuit_open"
    """A connection doesn't answer and is left alone for a while."""
    STALE = "stale"
    """A stream was not read for longer than its schedule allows."""
    BACKLOG = "backlog"
    """What was read waits to be heard, or what was written waits to be looked up."""
    REFUSED_SHARE = "refused_share"
    """A system refuses many of the writes."""
    VOLUME = "volume"
    """A stream shows many fewer or many more records than is usual for it."""
    ZERO_ROWS = "zero_rows"
    """A stream shows none where it always showed thousands."""
    OPT_OUT = "opt_out"
    """Records of people who opted out still don't show it."""
    BRAKE = "brake"
    """A run is parked until a person agrees."""
    QUOTA = "quota"
    """Little is left of what a vendor allows in a day."""
    TOKEN_EXPIRING = "token_expiring"  # noqa: S105  (a word)
    """A token ends soon, and the hub cannot renew it."""


ONE_TROUBLE = {AlertKind.ZERO_ROWS: AlertKind.VOLUME}
"""Kinds that are the same trouble as another one, further on."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now. A `strong` one is enough for an alert to begin, a weak one only keeps an alert from
    ending. `part` tells apart several of one kind and place. `summary` and `mend` name places, never persons."""

    kind: AlertKind
    connection: str
    summary: str
    mend: str = ""
    stream: str = ""
    part: str = ""
    strong: bool = True

    @property
    def key(self) -> str:
        """The same trouble has the same key."""
        return "/".join((ONE_TROUBLE.get(self.kind, self.kind), self.connection, self.stream, self.part)).rstrip("/")


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition from when it began to when it ended. `seen_at`: when it was last there; `told_began_at` and
    `told_ended_at`: when the receiver of alerts took the message. Times as in `hub.domain.moments.iso`."""

    key: str
    kind: AlertKind
    connection: str
    stream: str
    summary: str
    mend: str
    began_at: str
    seen_at: str
    ended_at: str | None = None
    told_began_at: str | None = None
    told_ended_at: str | None = None

    @property
    def id(self) -> str:
        """The same for both messages of the alert."""
        return "alert_" + blake2b(f"{self.key}\n{self.began_at}".encode(), digest_size=8).hexdigest()
