"""Hearing and judging in one step: all that is new about one entity goes in, the entity as it should be comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from hub.domain.consent import Consent, Statements
from hub.domain.golden import Golden, Origin, Pin
from hub.domain.history import FieldChange
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.policy import EntityPolicy, OnGone, StreamPolicy
from hub.domain.values import Value
from hub.engine.fate import fate
from hub.engine.hear import NOTHING, Expectation, Heard, Shown, hear
from hub.engine.survive import Ranker, Survivors, Weigher, Word, consents, survive

Policies: TypeAlias = Callable[[Address], StreamPolicy | None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides for one kind of entity: survivorship, how origins rank, how much each says, what streams may do."""

    entity: str
    survivorship: EntityPolicy
    ranker: Ranker
    weigh: Weigher
    policies: Policies


@dataclass(frozen=True, slots=True)
class Scene:
    """One entity as the store holds it, before hearing.

    `links` are all of its links, also those of entities that it absorbs; `expected` is what writes under way would
    make a record show; `behind` are links whose sink has not been told yet what the golden record holds.
    """

    golden: Golden | None
    links: tuple[Link, ...]
    pins: tuple[Pin, ...] = ()
    statements: Mapping[str, Statements] | None = None
    expected: Mapping[Address, Expectation] | None = None
    in_doubt: bool = False
    behind: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The golden record and the links that changed. `deferred`: deletions that can't be believed yet, because a write
    of this entity is in doubt: to be heard again. `news`: fields in which people departed from the agreement."""

    golden: Golden
    links: tuple[Link, ...]
    changes: tuple[FieldChange, ...] = ()
    news: Mapping[Address, tuple[str, ...]] | None = None
    disputed: Mapping[str, tuple[Word, ...]] | None = None
    asks: tuple[Address, ...] = ()
    deferred: tuple[Address, ...] = ()
    changed: bool = True
    """False: the golden record is as it was, and nobody has to be told anything."""


def reconcile(entity_id: str, scene: Scene, shown: Mapping[Address, Shown], rules: Rules) -> Reconciled:
    """`shown`: what was seen just now, by address."""
    before = {link.address: link for link in scene.links}
    links = dict(before)
    heard: dict[Address, Heard] = {}
    for address, seen in shown.items():
        policy = rules.policies(address)
        if policy is None:
            continue
        link = links.get(address) or Link(address, entity_id, LinkState.GONE if seen.gone else LinkState.LIVE)
        expected = (scene.expected or {}).get(address, NOTHING)
        heard[address] = hear(link, seen, policy, expected)
        links[address] = heard[address].link
    news = {address: h.news for address, h in heard.items() if h.news and not shown[address].gone}
    words = news.keys() | {address for address, h in heard.items() if h.news}
    gone, deferred = _gone(scene, shown, links, rules)
    made_anew = any(address not in before for address in news)
    old = scene.golden or Golden(entity_id, rules.entity, rev=0)
    untold = any(address in scene.behind for address in gone)
    fated = fate(old.state, tuple(links.values()), gone, frozenset(news), made_anew or untold)
    after = tuple(link if link.entity_id == entity_id else replace(link, entity_id=entity_id) for link in fated.links)
    survivors = survive(after, rules.survivorship, rules.ranker, rules.weigh, scene.pins)
    consent = consents(after, scene.statements or {})
    changed_links = tuple(link for link in after if before.get(link.address) is not link)
    moved = any(h.moved for h in heard.values()) or any(
        link.address in gone or before.get(link.address) is None or before[link.address].entity_id != link.entity_id
        for link in changed_links
    )
    held = (survivors.values, survivors.origins, consent, fated.state, None)
    differs = held != (old.values, old.origins, old.consent, old.state, old.merged_into)
    changed = differs or moved or bool(words)
    golden = Golden(old.entity_id, old.entity, *held, rev=old.rev + 1) if changed else old
    return Reconciled(
        golden,
        changed_links,
        _changes(old, golden, survivors, consent) if differs and scene.golden is not None else (),
        news,
        survivors.disputed,
        fated.asks,
        deferred,
        changed,
    )


def _gone(
    scene: Scene, shown: Mapping[Address, Shown], links: Mapping[Address, Link], rules: Rules
) -> tuple[dict[Address, OnGone], tuple[Address, ...]]:
    """Deletions to believe, and those to defer: while a write is in doubt, nothing of the entity is believed gone."""
    vanished = [a for a, seen in shown.items() if seen.gone and a in links and links[a].state is LinkState.LIVE]
    if scene.in_doubt:
        return {}, tuple(vanished)
    policies = {a: rules.policies(a) for a in vanished}
    return {a: p.on_gone for a, p in policies.items() if p is not None}, ()


def _changes(old: Golden, new: Golden, survivors: Survivors, consent: Mapping[str, Consent]) -> tuple[FieldChange, ...]:
    changes: list[FieldChange] = []
    for name in sorted(old.values.keys() | new.values.keys()):
        before, after = old.values.get(name), new.values.get(name)
        if before != after:
            origin = survivors.origins.get(name, Origin(None, "", ""))
            changes.append(_change(new.entity_id, name, before, after, origin))
    for channel in sorted(old.consent.keys() | consent.keys()):
        a, b = old.consent.get(channel), consent.get(channel)
        if a is None or b is None or a.state != b.state:
            origin = Origin(None, b.at or "" if b else "", "deny wins" if b and b.state == "denied" else "evidence")
            changes.append(
                _change(
                    new.entity_id,
                    f"consent.{channel}",
                    a.state.value if a else None,
                    b.state.value if b else None,
                    origin,
                )
            )
    if old.state != new.state:
        changes.append(_change(new.entity_id, "state", old.state.value, new.state.value, Origin(None, "", "fate")))
    return tuple(changes)


def _change(entity_id: str, name: str, before: Value, after: Value, origin: Origin) -> FieldChange:
    return FieldChange(entity_id, name, before, after, origin.rule, origin.address, origin.at)


def absorb(winner: Golden, loser: Golden) -> tuple[Golden, Golden]:
    """Two entities turn out to be one: the loser points to the winner; the winner's values come from reconciling all
    the links that are now its own. A live one revives a buried one: somebody has the record."""
    state = loser.state if loser.state.value == "live" else winner.state
    return replace(winner, state=state), replace(
        loser, state=type(loser.state).MERGED, merged_into=winner.entity_id, rev=loser.rev + 1
    )
