"""Survivorship: the golden record is a pure function of what the links said, the rules and the people's pins.

The order in which things were heard doesn't matter, nor hearing them twice: every word carries its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hub.domain.consent import Consent, ConsentState, Evidence, Statements
from hub.domain.golden import Origin, Pin
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState, Said
from hub.domain.policy import EntityPolicy, Rule, Survivorship, Weight
from hub.domain.values import Scalar, Value, is_empty


@dataclass(frozen=True, slots=True)
class Word:
    """What one link said of one scalar field."""

    value: Scalar
    at: str
    address: Address
    rank: float
    live: bool = True


Ranker: TypeAlias = Callable[[str, Survivorship], float]
"""Connection name and rule -> its place; lower is trusted more."""
Weigher: TypeAlias = Callable[[Address, str], Weight]


@dataclass(frozen=True, slots=True)
class Survivors:
    """The golden values, where each comes from, and the fields where a rule asks for a person."""

    values: Mapping[str, Value]
    origins: Mapping[str, Origin]
    disputed: Mapping[str, tuple[Word, ...]]


def survive(
    links: Sequence[Link], policy: EntityPolicy, ranker: Ranker, weigh: Weigher, pins: Iterable[Pin] = ()
) -> Survivors:
    values: dict[str, Value] = {}
    origins: dict[str, Origin] = {}
    disputed: dict[str, tuple[Word, ...]] = {}
    heard: dict[str, list[tuple[Link, Said]]] = {}
    for link in links:
        for name, word in link.said.items():
            if weigh(link.address, name) is not Weight.NEVER:
                heard.setdefault(name, []).append((link, word))
    for name in sorted(heard):
        rule = policy.of(name)
        said = heard[name]
        if any(not isinstance(word, tuple) for _, word in said):
            values[name], origins[name] = _union(said)
            continue
        if len(said) == 1 and said[0][0].state is LinkState.LIVE:  # most fields of most entities: nothing to choose
            (link, (value, at)) = said[0]
            values[name] = None if is_empty(value) else value
            origins[name] = Origin(link.address, at, rule.rule.value)
            continue
        words = words_of(name, links, rule, ranker, weigh)
        winner = choose(words, rule.rule)
        if winner is None:
            continue
        values[name] = None if is_empty(winner.value) else winner.value
        origins[name] = Origin(winner.address, winner.at, rule.rule.value)
        if rule.rule is Rule.ASK and len({str(w.value).casefold() for w in words if not is_empty(w.value)}) > 1:
            disputed[name] = tuple(words)
    for pin in pins:
        values[pin.field] = pin.value
        origins[pin.field] = Origin(None, pin.at, "pinned")
        disputed.pop(pin.field, None)
    return Survivors(values, origins, disputed)


def words_of(name: str, links: Sequence[Link], rule: Survivorship, ranker: Ranker, weigh: Weigher) -> list[Word]:
    """All that was said of a scalar field, best rank first, newest first within a rank."""
    words = []
    for link in links:
        said = link.said.get(name)
        if not isinstance(said, tuple):
            continue
        weight = weigh(link.address, name)
        if weight is Weight.NEVER:
            continue
        live = link.state is LinkState.LIVE
        words.append(Word(said[0], said[1], link.address, _rank(link, rule, ranker, weight), live))
    words = [w for w in words if w.live or not _overtaken(w, words, links, name)]
    words.sort(key=lambda w: w.address)
    words.sort(key=lambda w: w.at, reverse=True)
    words.sort(key=lambda w: w.rank)
    return words


def _overtaken(dead: Word, words: Sequence[Word], links: Sequence[Link], name: str) -> bool:
    """What was said in a record that is gone counts until a living one says something newer, or its successor in the
    same place holds something else: a vendor's merge has settled that already."""
    if any(w.live and w.at > dead.at for w in words):
        return True
    here = (dead.address.connection, dead.address.stream)
    heirs = [k for k in links if k.state is LinkState.LIVE and (k.address.connection, k.address.stream) == here]
    held = [k.echo.get(name) for k in heirs]
    return any(not is_empty(h) and _plain(h) != _plain(dead.value) for h in held)


def _plain(value: Value) -> str:
    return str(value).strip().casefold()


def _rank(link: Link, rule: Survivorship, ranker: Ranker, weight: Weight) -> float:
    rank = ranker(link.address.connection, rule)
    if weight is Weight.OWNER:
        return rank - 1e6
    if weight is Weight.IF_EMPTY:
        return rank + 1e6
    return rank


def choose(words: Sequence[Word], rule: Rule) -> Word | None:
    """The word that wins; `words` in the order of `words_of`. None when nobody said anything."""
    if not words:
        return None
    if len(words) == 1:
        return words[0]
    if rule is Rule.NEWEST:
        return max(words, key=lambda w: (w.at, -w.rank))
    if rule is Rule.LONGEST:
        return _longest(words)
    return _ranked(words)


def _ranked(words: Sequence[Word]) -> Word:
    """The best-ranked value that no erasure of the same or a better rank has overtaken. An erasure holds against what
    was said before it; a value said after it fills the blank, whoever says it."""
    erased: Word | None = None
    for word in words:
        if is_empty(word.value):
            if erased is None or word.at > erased.at:
                erased = word
        elif erased is None or word.at > erased.at:
            return word
    return erased if erased is not None else words[0]


def _longest(words: Sequence[Word]) -> Word:
    erased = max((w.at for w in words if is_empty(w.value)), default="")
    alive = [w for w in words if not is_empty(w.value) and w.at > erased]
    if not alive:
        return max(words, key=lambda w: w.at)
    return max(alive, key=lambda w: (len(str(w.value)), w.at, -w.rank))


def _union(said: Sequence[tuple[Link, Said]]) -> tuple[Value, Origin]:
    """Element by element the latest word counts; at the same time, presence wins."""
    latest: dict[str, tuple[str, bool]] = {}
    newest: tuple[str, Address] | None = None
    for link, word in said:
        if isinstance(word, tuple):
            continue
        for element, (present, at) in word.items():
            latest[element] = max(latest.get(element, ("", False)), (at, present))
            if newest is None or at > newest[0] or (at == newest[0] and link.address > newest[1]):
                newest = (at, link.address)
    elements = tuple(sorted(e for e, (_, present) in latest.items() if present))
    return elements, Origin(newest[1] if newest else None, newest[0] if newest else "", Rule.UNION.value)


def consents(links: Sequence[Link], at_hub: Mapping[str, Statements]) -> dict[str, Consent]:
    """The golden consent per channel. Deny wins; only an evidenced grant that is newer than every denial lifts it."""
    channels = sorted({*at_hub, *(c for link in links for c in link.statements)})
    return {channel: _consent(_voices(channel, links, at_hub)) for channel in channels}


def _voices(channel: str, links: Sequence[Link], at_hub: Mapping[str, Statements]) -> list[tuple[str, Statements]]:
    voices = [("hub", at_hub[channel])] if channel in at_hub else []
    return voices + [
        (f"{link.address.connection}/{link.address.stream}/{link.address.remote_id}", link.statements[channel])
        for link in links
        if channel in link.statements
    ]


def _consent(voices: Sequence[tuple[str, Statements]]) -> Consent:
    denied = max(((s.denied_at, who) for who, s in voices if s.denied_at), default=None)
    granted: tuple[str, str, Evidence] | None = None
    for who, s in voices:
        if s.granted_at and s.evidence and (granted is None or (s.granted_at, who) > granted[:2]):
            granted = (s.granted_at, who, s.evidence)
    if denied is not None and (granted is None or granted[0] <= denied[0]):
        return Consent(ConsentState.DENIED, denied[0], denied[1])
    if granted is not None:
        return Consent(ConsentState.GRANTED, granted[0], granted[1], granted[2])
    return Consent(ConsentState.UNKNOWN)
