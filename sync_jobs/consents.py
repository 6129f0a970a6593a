"""Changes of consent, noted where they are understood, so that they travel first and their way can be measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from hub.domain.consent import ConsentState
from hub.domain.consent_change import ConsentChange
from hub.domain.golden import Golden, GoldenState
from hub.store import consent_changes
from sync_jobs.hub import Hub
from sync_jobs.judging import Judged

BATCHES_MAX = 100


async def close_written(hub: Hub) -> int:
    """Notes which changes are written everywhere by now: in every sink that may be written to. Answers how many."""
    places = [
        (wired.name, sink)
        for wired in hub.wired.values()
        if wired.active and wired.connection.writes
        for sink in wired.sinks()
    ]
    async with hub.database.read() as conn:
        if not await consent_changes.any_open(conn):
            return 0
    closed = 0
    for _ in range(BATCHES_MAX):
        async with hub.database.write() as conn:
            done = await consent_changes.close_written(conn, places, hub.now_text())
        closed += done
        if done < consent_changes.CLOSED_AT_ONCE:
            break
    return closed


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
