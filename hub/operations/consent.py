"""Consent that an operator records: a statement with evidence, made at the hub and not in any system.

A denial counts as it is. A grant counts only with all of who, when and how, and only over denials older than itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.domain.consent import ConsentState, Evidence, Statements
from hub.domain.entities import ENTITIES
from hub.domain.golden import Golden
from hub.domain.link import Link, LinkState
from hub.domain.moments import iso
from hub.engine.hear import CONSENT
from hub.errors import BadInput
from hub.operations.backfill import moment
from hub.operations.explain import ConsentExplained, consents, one
from hub.operations.judging import judge
from hub.operations.nearest import unknown
from hub.store import consent_changes, links, statements
from hub.store.database import Transaction
from sync_jobs import consents as noted
from sync_jobs.hub import Hub


@dataclass(frozen=True, slots=True)
class ConsentShown:
    """All that is known of an entity's consent. `notes`: what a statement made just now comes to, and where."""

    entity: str
    entity_id: str
    consent: tuple[ConsentExplained, ...]
    notes: tuple[str, ...] = ()


async def show(hub: Hub, entity: str, key: str) -> ConsentShown:
    """Who said what of each channel, when, with what evidence. NotFound; BadInput names several candidates."""
    _channels(entity)
    async with hub.database.read() as conn:
        record = await one(conn, entity, key)
        return await _shown(conn, record)


async def grant(
    hub: Hub, entity: str, key: str, channel: str, *, who: str, how: str, when: str | None = None
) -> ConsentShown:
    """Records that the person consented: `who` said so, `how` it can be shown, `when` (default: now)."""
    lacking = [option for option, said in (("--who", who), ("--how", how)) if not said.strip()]
    if lacking:
        raise BadInput(
            f"a grant without evidence lifts nothing: {' and '.join(lacking)} is empty",
            mend='say who consented and how that can be shown: --who "Ann Lee" --how "signed form 12 at the fair"',
        )
    at = _at(hub, when)
    said = Statements(granted_at=at, evidence=Evidence(who.strip(), at, how.strip()))
    return await _said(hub, entity, key, channel, said)


async def deny(
    hub: Hub, entity: str, key: str, channel: str, *, who: str = "", how: str = "", when: str | None = None
) -> ConsentShown:
    """Records that the person does not want to be written to; it reaches every system with a field for it."""
    at = _at(hub, when)
    evidence = Evidence(who.strip(), at, how.strip()) if who.strip() or how.strip() else None
    return await _said(hub, entity, key, channel, Statements(denied_at=at, denial=evidence))


def _channels(entity: str) -> tuple[str, ...]:
    """The consent channels of an entity. NotFound for an unknown one; BadInput for one that has none."""
    if entity not in ENTITIES:
        raise unknown("entity", entity, [n for n, e in ENTITIES.items() if e.channels])
    if not ENTITIES[entity].channels:
        raise BadInput(f"a {entity} has no consent", mend="only people consent: say contact")
    return ENTITIES[entity].channels


def _at(hub: Hub, when: str | None) -> str:
    now = hub.clock()
    at = moment(when, "--when", now) or now
    if at > now:
        raise BadInput("--when is in the future", mend="nobody has said it yet; leave it out: it means now")
    return iso(at)


async def _said(hub: Hub, entity: str, key: str, channel: str, said: Statements) -> ConsentShown:
    channels = _channels(entity)
    if channel not in channels:
        raise unknown("consent channel", channel, channels)
    async with hub.database.hearing() as conn:
        record = await one(conn, entity, key)
        await statements.join(conn, record.entity_id, channel, said)
        now = hub.now_text()
        after = await judge(conn, hub, record, now)
        await consent_changes.note(conn, noted.changed([record], after, now, now))
        owned = (await links.by_entities(conn, [record.entity_id])).get(record.entity_id, [])
        return await _shown(conn, after, _notes(hub, after, owned, channel, said))


async def _shown(conn: Transaction, record: Golden, notes: Sequence[str] = ()) -> ConsentShown:
    ids = [record.entity_id]
    owned = (await links.by_entities(conn, ids)).get(record.entity_id, [])
    at_hub = (await statements.fetch(conn, ids)).get(record.entity_id, {})
    return ConsentShown(record.entity, record.entity_id, consents(record, owned, at_hub), tuple(notes))


def _notes(hub: Hub, record: Golden, owned: Sequence[Link], channel: str, said: Statements) -> list[str]:
    """What the statement comes to, and at which records."""
    state = record.consent[channel].state
    if said.granted_at and state is ConsentState.DENIED:
        return [f"the grant is kept and lifts nothing: the denial of {record.consent[channel].at} is not older than it"]
    if said.denied_at and state is ConsentState.GRANTED:
        return [f"the denial is kept and changes nothing: the grant of {record.consent[channel].at} is newer"]
    wanted = "denied" if state is ConsentState.DENIED else "granted"
    told = []
    for link in owned:
        held = link.echo.get(CONSENT + channel)
        if link.state is LinkState.LIVE and held != wanted and (wanted == "denied" or held == "denied"):
            told.append(_note(hub, link, channel, wanted))
    return [note for note in told if note]


def _note(hub: Hub, link: Link, channel: str, wanted: str) -> str:
    wired, place = hub.wired.get(link.address.connection), f"{link.address.connection}/{link.address.stream}"
    lens = wired.lenses.get(link.address.stream) if wired is not None else None
    if wired is None or lens is None or CONSENT + channel not in lens.policy.fields:
        return ""
    writes = lens.policy.fields[CONSENT + channel].direction.writes
    if wanted == "granted" and not (writes and channel in lens.policy.grants):
        return f"{place} stays denied: its mapping writes no grants; the person opts in there"
    if not writes:
        return f"{place} is not told: its mapping only reads this"
    if not wired.connection.writes:
        return f"{place} is told when writes are allowed there: `hub connections allow-writes {wired.name}`"
    return f"{place} is told at the next sync"
