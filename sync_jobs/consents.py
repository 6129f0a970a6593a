"""Changes of consent, noted where they are understood, so that they travel first and their way can be measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from hub.domain.consent import ConsentState
from hub.domain.consent_change import Addressee, ConsentChange
from hub.domain.golden import Golden, GoldenState
from hub.domain.moments import iso
from hub.engine.hear import CONSENT
from hub.store import consent_changes
from hub.store.database import Transaction
from hub.store.gauges import Backlog
from sync_jobs.hub import Hub
from sync_jobs.judging import Judged
from sync_jobs.wiring import Wired

BATCHES_MAX = 100
STUCK_AFTER = timedelta(hours=1)
"""An opt-out that was heard so long ago and isn't everywhere needs a person."""


async def close_written(hub: Hub) -> int:
    """Notes which changes are written everywhere by now: in every sink that may be written to, also where that is
    paused, broken or cannot be used. Answers how many."""
    places, unusable = _everywhere(hub)
    async with hub.database.read() as conn:
        if not await consent_changes.any_open(conn):
            return 0
    closed = 0
    for _ in range(BATCHES_MAX):
        async with hub.database.write() as conn:
            done = await consent_changes.close_written(conn, places, hub.now_text(), unusable)
        closed += done
        if done < consent_changes.CLOSED_AT_ONCE:
            break
    return closed


async def stuck(conn: Transaction, hub: Hub) -> Mapping[str, Backlog]:
    """Connection -> people who opted out long ago and whose records there don't show it."""
    places, unusable = _everywhere(hub)
    return await consent_changes.stuck(conn, places, iso(hub.clock() - STUCK_AFTER), unusable)


def addressee(wired: Wired, sink: str) -> Addressee:
    """Of what its mapping can tell. A field that rests would be told if it could."""
    policy = wired.policy(sink)
    written = {name for name, field in policy.fields.items() if field.direction.writes} | wired.parked.get(sink, set())
    denials = frozenset(name.removeprefix(CONSENT) for name in written if name.startswith(CONSENT))
    return Addressee(wired.name, sink, denials, denials.intersection(policy.grants))


def _everywhere(hub: Hub) -> tuple[list[Addressee], list[str]]:
    """All sinks that may be written to, and connections that may be and cannot be used, so that nobody can tell what
    their sinks are."""
    writing = [wired for wired in hub.wired.values() if wired.connection.writes]
    sinks = [(w, s) for w in writing for s in w.connector.sinks if s in w.lenses and w.lenses[s].writes]
    unusable = [name for name, row in hub.book.rows.items() if row.writes and name not in hub.wired]
    return [addressee(wired, sink) for wired, sink in sinks], unusable


def changes(judged: Judged, now: str) -> list[ConsentChange]:
    """What the batch changed in the effective consent of entities that were known before it. Whoever is new has no
    record elsewhere that could disagree. What is heard again under another mapping counts from `now`."""
    absorbed = defaultdict(list)
    for loser, winner in judged.identities.merged.items():
        absorbed[winner].append(loser)
    before, seen = judged.scenes.before, _seen(judged)
    found = []
    for result in judged.results:
        entity = result.golden.entity_id
        olds = [before[e] for e in (entity, *absorbed[entity]) if e in before]
        if result.changed and result.golden.state is not GoldenState.MERGED:
            found += changed(olds, result.golden, seen.get(entity, now), now)
    return found


def changed(olds: Sequence[Golden], new: Golden, seen_at: str, now: str) -> list[ConsentChange]:
    """The channels on which `new` says something else than one of the records that it was."""
    found = []
    for channel, consent in sorted(new.consent.items()):
        said = {old.consent[channel].state if channel in old.consent else ConsentState.UNKNOWN for old in olds}
        if consent.state is not ConsentState.UNKNOWN and said - {consent.state}:
            found.append(ConsentChange(new.entity_id, channel, consent.state, seen_at, now))
    return found


def _seen(judged: Judged) -> dict[str, str]:
    """Entity -> when the first of its news in this batch was seen."""
    seen: dict[str, str] = {}
    for observation in judged.batch.seen:
        entity = judged.identities.entity_of.get(observation.address)
        if entity is not None and observation.revision > observation.heard:
            seen[entity] = min(seen.get(entity, observation.seen_at), observation.seen_at)
    return seen
