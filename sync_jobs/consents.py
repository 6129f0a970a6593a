"""Changes of consent, noted where they are understood, so that they travel first and their way can be measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from hub.domain.consent import ConsentState
from hub.domain.consent_change import ConsentChange
from hub.domain.golden import Golden, GoldenState
from sync_jobs.judging import Judged


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
