"""Hearing: what a remote shows is either an echo of what the hub told it, or news from its people.

News becomes part of what the link *said*, with its time; survivorship reads only that. An echo only moves the shadow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from hub.domain.attempt import Attempt
from hub.domain.consent import ConsentReading, Statements
from hub.domain.keys import Key
from hub.domain.link import Link, LinkState, Said
from hub.domain.moments import iso, parse
from hub.domain.plan import Op
from hub.domain.policy import Compare, FieldPolicy, StreamPolicy
from hub.domain.values import Value, Values, is_empty
from hub.engine.compare import resembles, same

CONSENT = "consent."


@dataclass(frozen=True, slots=True)
class Shown:
    """One observation in canonical words, ready to be heard. `at` is the time its news counts from."""

    values: Values
    consent: Mapping[str, ConsentReading]
    keys: tuple[Key, ...]
    at: str
    in_scope: bool = True
    gone: bool = False
    """The record was deleted there. What it last said of consent still counts; nothing else of it is heard."""
    seen: str = ""
    """When the hub saw it; `at` when unknown."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The link after hearing, and the fields in which people there departed from the agreement."""

    link: Link
    news: tuple[str, ...] = ()
    moved: bool = False
    """The shadow or the link's state moved: a remote may have to be told something, even without news."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What writes under way would make the remote show. `created`: one of them is a create, so a field that it named
    and the record shows blank was blanked by a person."""

    values: Values
    created: bool = False
    undone: frozenset[str] = frozenset()
    """Of these fields, those that an undo put back: they become the echo, and what was told before stays told."""


NOTHING = Expectation({})
SILENCE = Statements()
CLOCKS_APART = timedelta(minutes=5)
"""By how much clocks that are kept right may differ, with times that are cut to the minute: much less than a quarter of
an hour, the least by which a time of day that is taken for UTC is wrong."""


def hear(link: Link, shown: Shown, policy: StreamPolicy, expected: Expectation = NOTHING) -> Heard:
    """Pure: the same link, observation and expectation give the same result, and hearing twice changes nothing."""
    hearing = _Hearing(link, shown.at, shown.seen or shown.at)
    if shown.gone:
        for channel, reading in shown.consent.items():
            hearing.consent(channel, reading, expected.values)
        return hearing.last_words(shown)
    ours = _is_ours(shown.values, expected, policy)
    for name, value in shown.values.items():
        field = policy.fields.get(name)
        if field is not None:
            hearing.field(field, value, expected if ours else NOTHING)
    for channel, reading in shown.consent.items():
        hearing.consent(channel, reading, expected.values)
    return hearing.result(shown)


def _is_ours(values: Values, expected: Expectation, policy: StreamPolicy) -> bool:
    """Whether a record that a create in doubt may have made is the one it made: beside the key, at least one field
    that the create named holds what it was told (or it named nothing else)."""
    if not expected.created:
        return True
    beside = [
        f for f, v in expected.values.items() if f in policy.fields and f != policy.create_key and not is_empty(v)
    ]
    beside = [f for f in beside if not f.startswith(CONSENT) and f not in ("emails", "phones")]
    return not beside or any(
        f in values and _kept_as(policy.fields[f].compare, expected.values[f], values[f]) for f in beside
    )


def _kept_as(compare: Compare, told: Value, shown: Value) -> bool:
    """Whether `shown` is what a write in doubt told, perhaps in the vendor's own form: nobody saw its answer."""
    return same(compare, shown, told) or resembles(told, shown)


class _Hearing:
    """Collects the changes of one link; copies a mapping only when it first changes."""

    __slots__ = ("at", "echo", "link", "moved", "news", "said", "seen", "sent", "statements")

    def __init__(self, link: Link, at: str, seen: str) -> None:
        self.link = link
        self.at = at
        self.seen = seen
        self.echo = dict(link.echo)
        self.sent = dict(link.sent)
        self.said: dict[str, Said] = dict(link.said)
        self.statements = dict(link.statements)
        self.news: list[str] = []
        self.moved = False

    def field(self, field: FieldPolicy, value: Value, expected: Expectation) -> None:
        name = field.name
        if isinstance(value, tuple):
            self._set(field, value, expected)
            return
        known = name in self.echo
        if known and same(field.compare, value, self.echo[name]):
            return
        if name in expected.values and _kept_as(field.compare, expected.values[name], value):
            self._arrived(name, value, expected)
            return
        if known and name in self.sent and same(field.compare, value, self.sent[name]):
            self._agree(name, value, self.sent[name])
            return
        self._agree(name, value, value)
        if known or not is_empty(value) or (expected.created and name in expected.values):
            self.said[name] = (value, self.at)
            self._note(field)

    def _set(self, field: FieldPolicy, value: tuple[str, ...], expected: Expectation) -> None:
        name = field.name
        shown = self.echo.get(name)
        if value == shown:
            return
        before = set(_elements(shown))
        now = set(value)
        if name in self.echo and now == before:
            return
        ours = set(_elements(expected.values[name])) if name in expected.values else before
        added = (now - before) - (ours - before)
        removed = (before - now) - (before - ours)
        if name in expected.values and now == ours:
            self._arrived(name, value, expected)
        else:
            self._agree(name, value, value)
        if added or removed:
            old = self.said.get(name)
            said = dict(old) if isinstance(old, Mapping) else {}
            said.update(dict.fromkeys(added, (True, self.at)))
            said.update(dict.fromkeys(removed, (False, self.at)))
            self.said[name] = said
            self._note(field)

    def _note(self, field: FieldPolicy) -> None:
        """Words are kept in any case; they are news only where the mapping lets them count. So a mapping that lets
        them count later needs nothing read again."""
        if field.counts:
            self.news.append(field.name)

    def consent(self, channel: str, reading: ConsentReading, expected: Values) -> None:
        name = CONSENT + channel
        before = self.echo.get(name)
        if before != reading.state:
            self._agree(name, reading.state, reading.state)
        said = self.statements.get(channel, SILENCE)
        at = self.at if before is None else max(self.at, self.seen)
        fresh = before != reading.state and not _ours(reading, expected, name)
        word = SILENCE if _known(reading, said) else _statement(reading, at, self.seen, fresh=fresh)
        joined = said if word is SILENCE else said.join(word)
        if joined != said:
            self.statements[channel] = joined
            self.news.append(name)

    def _arrived(self, name: str, value: Value, expected: Expectation) -> None:
        """A write in doubt shows: it is ours."""
        self._agree(name, value, expected.values[name])
        if name in expected.undone:
            _leave(self.sent, self.link.sent, name)

    def _agree(self, name: str, echo: Value, sent: Value) -> None:
        self.echo[name] = echo
        self.sent[name] = sent
        self.moved = True

    def last_words(self, shown: Shown) -> Heard:
        keys = self.link.keys or shown.keys
        link = replace(self.link, echo=self.echo, sent=self.sent, statements=self.statements, keys=keys)
        return Heard(link if self.news else self.link, tuple(self.news))

    def result(self, shown: Shown) -> Heard:
        link = self.link
        revived = link.state is not LinkState.LIVE
        rekeyed = link.keys != shown.keys
        if not (self.moved or self.news or revived or rekeyed or link.in_scope != shown.in_scope):
            return Heard(link)
        heard = replace(
            link,
            state=LinkState.LIVE,
            echo=self.echo,
            sent=self.sent,
            said=self.said,
            statements=self.statements,
            keys=shown.keys,
            in_scope=shown.in_scope,
        )
        return Heard(heard, tuple(self.news), self.moved or revived or link.in_scope != shown.in_scope)


def _elements(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _ours(reading: ConsentReading, expected: Values, name: str) -> bool:
    return expected.get(name) == reading.state


def _known(reading: ConsentReading, said: Statements) -> bool:
    """Whether it is a grant that was heard, whenever it is seen again: its time was judged when it was first seen."""
    return reading.evidence is not None and reading.evidence in (said.evidence, said.early)


def _statement(reading: ConsentReading, at: str, seen: str, *, fresh: bool) -> Statements:
    """A denial counts when the remote departed from its echo, for our own write shows as one too. Where the vendor has
    no time of its own for it, one that came between two reads counts from when it was seen: its record's time may be
    older, and a grant given before it must not win. A grant counts by its evidence alone: it carries its own time, and
    joining it twice changes nothing.

    Nobody has said what is dated later than it was seen: somebody's clock goes wrong, or a time of day is taken for
    UTC. Then the denial counts from when it was seen (as the faster clock has it), so that it is heeded and can be
    lifted. Of the grant nobody knows when it was given, perhaps before the denial that it would lift: it counts for
    nothing."""
    if reading.state == "denied" and fresh:
        return Statements(denied_at=min(_at_the_latest(reading.at or at), _skewed(seen)))
    if reading.state == "granted" and reading.evidence is not None:
        when = reading.evidence.when
        if when > _skewed(seen):
            return Statements(early=reading.evidence)
        return Statements(granted_at=min(when, seen), evidence=reading.evidence)
    return SILENCE


def _skewed(seen: str) -> str:
    """The latest moment that a clock at the vendor may have shown when the hub's showed `seen`."""
    return iso(parse(seen) + CLOCKS_APART)


def _at_the_latest(at: str) -> str:
    """A vendor that keeps whole seconds cuts off up to one: in doubt, the denial came at the end of it."""
    return at.removesuffix(".000Z") + ".999Z" if at.endswith(".000Z") else at


def settle(link: Link, told: Values, shown: Shown | None, policy: StreamPolicy, *, undone: bool = False) -> Link:
    """The link after a write was applied: what was told is agreed on, and the echo is what the answer shows.

    `shown` is None when nobody knows yet how the vendor keeps it; then the told values stand for the echo. Only the
    fields that were told move: anything else in the answer is still to be heard. After an `undone` write only the echo
    moves: the golden value that was told before counts as told, so it is not told again until it moves.
    """
    echo, sent = dict(link.echo), dict(link.sent)
    for name, value in told.items():
        if name not in policy.fields and not name.startswith(CONSENT):
            continue
        if not undone:
            sent[name] = value
        echo[name] = _shown(shown, name, value)
    return replace(link, state=LinkState.LIVE, echo=echo, sent=sent)


def _shown(shown: Shown | None, name: str, told: Value) -> Value:
    if shown is None:
        return told
    if name.startswith(CONSENT):
        reading = shown.consent.get(name.removeprefix(CONSENT))
        return told if reading is None else reading.state
    return shown.values.get(name, told)


def expectation(doubtful: Sequence[Attempt]) -> Expectation:
    """Joins what several writes in doubt would make the remote show; the later one wins a field."""
    values: dict[str, Value] = {}
    undone: set[str] = set()
    for attempt in doubtful:
        values.update(attempt.expect)
        undone = undone | attempt.expect.keys() if attempt.undoes else undone - attempt.expect.keys()
    return Expectation(values, any(a.op is Op.CREATE for a in doubtful), frozenset(undone))


def shows(link: Link, attempt: Attempt, policy: StreamPolicy) -> bool:
    """Whether a record, as it was last heard, shows all that an update in doubt would make it show."""
    told = {n: v for n, v in attempt.expect.items() if n in policy.fields or n.startswith(CONSENT)}
    return bool(told) and all(_shows(link.echo.get(n), v, policy.fields.get(n)) for n, v in told.items())


def _shows(shown: Value, told: Value, field: FieldPolicy | None) -> bool:
    return shown == told if field is None else _kept_as(field.compare, told, shown)


def _leave(into: dict[str, Value], before: Values, name: str) -> None:
    """Gives the field back what it was before, if anything."""
    if name in before:
        into[name] = before[name]
    else:
        into.pop(name, None)


def compares(policy: StreamPolicy) -> Mapping[str, Compare]:
    return {name: field.compare for name, field in policy.fields.items()}
