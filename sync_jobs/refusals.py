"""Messages of alerts that their receiver refuses for good, because of what is in them.

Such a message holds up no other one: it is tried again by itself, at growing distances, and given up in the end. Soon
where the receiver takes other messages; late where it takes none, for then it may be set up wrong, and be mended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from hub.domain.moments import iso
from hub.store import settings
from hub.store.database import Transaction

SETTING = "alerts.refused"
"""The setting that holds them."""
TIMES, TIMES_ALONE = 10, 100
"""How often a message is refused before it is given up: where others were taken meanwhile, and where none was."""
PAUSE, PAUSE_MOST = timedelta(minutes=1), timedelta(minutes=30)
SHOWN_FOR = timedelta(days=7)
SHOWN_MOST = 20
"""Messages that were given up, as they are remembered."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A message, by its id: how often, why, since when and, `at`, when last it was refused. `others`: the receiver took
    another one since then. `again_at`: when it is tried again."""

    message: str
    what: str
    why: str
    since: str
    at: str
    times: int = 1
    others: bool = False
    again_at: str = ""


@dataclass(slots=True)
class Refusals:
    """Those that are still tried, by the message's id, and those that were given up, the latest first."""

    tried: dict[str, Refused] = field(default_factory=dict)
    given_up: list[Refused] = field(default_factory=list)
    changed: bool = False

    def due(self, message: str, now: datetime) -> bool:
        """Whether it may be sent now."""
        held = self.tried.get(message)
        return held is None or held.again_at <= iso(now)

    def refuse(self, message: str, what: str, why: str, now: datetime) -> bool:
        """Notes that it was refused, once more. Whether it is given up."""
        at, before = iso(now), self.tried.get(message)
        held = Refused(message, what, why, at, at) if before is None else before
        if before is not None:
            held = replace(before, what=what, why=why, at=at, times=before.times + 1)
        self.changed = True
        if held.times >= (TIMES if held.others else TIMES_ALONE):
            self.tried.pop(message, None)
            self.given_up = [replace(held, again_at=""), *self.given_up][:SHOWN_MOST]
            return True
        pause = min(PAUSE * (1 << min(held.times - 1, 10)), PAUSE_MOST)
        self.tried[message] = replace(held, again_at=iso(now + pause))
        return False

    def take(self, message: str) -> None:
        """Notes that it was taken: whatever is refused beside it is refused for what is in it."""
        self.changed |= self.tried.pop(message, None) is not None
        for other in [r for r in self.tried.values() if not r.others]:
            self.tried[other.message] = replace(other, others=True)
            self.changed = True

    def keep_only(self, messages: Sequence[str]) -> None:
        """Forgets what isn't to be told any more."""
        for message in self.tried.keys() - set(messages):
            del self.tried[message]
            self.changed = True

    def hurry(self) -> None:
        """What is refused is tried at the next look: the receiver may be another one by now."""
        self.tried = {message: replace(one, again_at="") for message, one in self.tried.items()}
        self.changed = True

    @property
    def why(self) -> str:
        """Of the oldest that is still tried; "" for none."""
        return min(self.tried.values(), key=lambda r: r.since).why if self.tried else ""


async def fetch(conn: Transaction, now: datetime) -> Refusals:
    held: Mapping[str, Sequence[Mapping[str, object]]] = await settings.get(conn, SETTING) or {}
    tried, given_up = ([Refused(**one) for one in held.get(part, ())] for part in ("tried", "given_up"))  # type: ignore[arg-type]
    shown = [one for one in given_up if one.at > iso(now - SHOWN_FOR)]
    return Refusals({one.message: one for one in tried}, shown)


async def put(conn: Transaction, refusals: Refusals) -> None:
    """Keeps what changed."""
    if not refusals.changed:
        return
    form = {"tried": [*refusals.tried.values()], "given_up": refusals.given_up}
    await settings.put(conn, SETTING, {part: [asdict(one) for one in some] for part, some in form.items()})
    refusals.changed = False
