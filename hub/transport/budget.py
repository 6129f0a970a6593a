"""What may still be asked of a vendor's account, by whoever asks: one budget an account, shared by its connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

from hub.engine.quota import Shares, Used
from hub.sdk.connector import Connector
from hub.sdk.limits import Limit, Meter
from hub.transport.passbook import Call, Passbook


@dataclass(frozen=True, slots=True)
class Standing:
    """How one window stands: `most` that it holds (0: nobody said), what was used of it. `shared`: counted over every
    process, not in this one alone."""

    limit: Limit
    most: int
    used: Used
    shared: bool


class Budget(Protocol):
    """Of one account. `now` is in seconds since 1970."""

    @property
    def passbook(self) -> Passbook: ...

    @property
    def limits(self) -> Sequence[Limit]: ...

    async def book(self, call: Call, now: float) -> float:
        """0: the call is booked, go. Else the seconds to wait before asking again; nothing is booked."""
        ...

    def slot(self, call: Call) -> AbstractAsyncContextManager[float]:
        """A place among the calls under way, waited for. Gives 0, or the seconds to wait before asking again when
        there is none; then none is held."""
        ...

    async def rest(self, bucket: str, until: float, now: float) -> None:
        """The vendor said when to come back: nobody asks before. Its word wins over the declared limits."""
        ...

    async def hear(self, meters: Sequence[Meter], sent: float, now: float) -> None:
        """What an answer says of the quota, to a call that left at `sent`. Where less is left than we think, that
        holds."""
        ...

    async def standings(self, now: float) -> list[Standing]:
        """Every window, for people to see."""
        ...


class Budgets(Protocol):
    """All budgets of a process. `passbooks`: by account."""

    @property
    def passbooks(self) -> Mapping[str, Passbook]: ...

    @property
    def shares(self) -> Shares: ...

    def of(self, connector: Connector, account: str, connection: str, zone: tzinfo = UTC) -> Budget:
        """The budget of an account, which the connection joins. Always the same one for the same account."""
        ...

    def share(self, shares: Shares) -> None:
        """From here on these are the shares of the lanes."""
        ...


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; UTC where this machine doesn't know it."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC
