"""What chosen runs wrote, record by record, with all that an undo is decided on: read from the store alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.domain.attempt import Attempt
from hub.domain.golden import Golden
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.plan import Op
from hub.engine.undo import Written
from hub.store import attempts, golden, links, observations
from hub.store.database import Transaction
from sync_jobs.wiring import Wired


@dataclass(slots=True)
class Told:
    """Records of one stream that the runs wrote to, and the entities behind them."""

    records: list[Written] = field(default_factory=list)
    goldens: Mapping[str, Golden] = field(default_factory=dict)
    links: Mapping[str, Sequence[Link]] = field(default_factory=dict)
    lost: list[Attempt] = field(default_factory=list)
    """Creates whose answer was lost, where nobody can tell any more which record they made."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """By id: the before-images are theirs."""


async def written(
    conn: Transaction, wired: Wired, stream: str, run_ids: Sequence[str], remote_ids: Sequence[str | None]
) -> Told:
    """`remote_ids`: as the store names them; None for creates whose answer was lost."""
    rows = await attempts.of_records(conn, run_ids, wired.name, stream, remote_ids)
    told = Told(attempts={a.id: a for a in rows})
    about = {a.entity_id for a in rows}
    known = await links.by_address(conn, [a.address for a in rows if a.address])
    entities = sorted(about | {k.entity_id for k in known.values()})
    owned = await links.by_entities(conn, entities)
    here = [k for ks in owned.values() for k in ks if _is_here(k, wired, stream)]
    moved = await _moved(conn, rows, known, here)
    by_record = _by_record(rows, moved, here, told)
    known |= {k.address: k for k in here}
    told.goldens = await golden.fetch(conn, entities)
    told.links = owned
    unsettled = await attempts.unsettled(conn, entities)
    others = _others(await attempts.written_to(conn, entities, wired.name, stream), set(run_ids))
    lens = wired.lenses[stream]
    for address, mine in sorted(by_record.items()):
        link = known.get(address)
        entity = link.entity_id if link else mine[-1].entity_id
        told.records.append(
            Written(
                address,
                tuple(mine),
                {a.id: lens.get(a.before).values for a in mine if a.before is not None},
                link,
                told.goldens.get(entity),
                tuple(owned.get(entity, ())),
                tuple(others.get(address, ())),
                any(_is_at(a, wired, stream) for a in unsettled.get(entity, ())),
            )
        )
    return told


def _is_here(link: Link, wired: Wired, stream: str) -> bool:
    return (link.address.connection, link.address.stream) == (wired.name, stream)


def _is_at(attempt: Attempt, wired: Wired, stream: str) -> bool:
    return (attempt.connection, attempt.stream) == (wired.name, stream)


async def _moved(
    conn: Transaction, rows: Sequence[Attempt], known: Mapping[Address, Link], here: Sequence[Link]
) -> dict[Address, Address]:
    """Records that their vendor gave another id since. Where two became one, nobody can tell any more whose value is
    whose: those are left alone."""
    lost = {a.address for a in rows if a.address is not None and a.address not in known}
    if not lost:
        return {}
    seen = await observations.fetch(conn, [k.address for k in here if k.address not in known])
    found = {replace(o.address, remote_id=alias): o.address for o in seen.values() if not o.gone for alias in o.aliases}
    followed = {old: found[old] for old in lost if old in found}
    targets = Counter(followed.values())
    return {old: new for old, new in followed.items() if targets[new] == 1}


def _by_record(
    rows: Sequence[Attempt], moved: Mapping[Address, Address], here: Sequence[Link], told: Told
) -> dict[Address, list[Attempt]]:
    """The writes of each record, oldest first. A create whose answer was lost made the one record there is."""
    by_record: defaultdict[Address, list[Attempt]] = defaultdict(list)
    made = {a.entity_id for a in rows if a.op is Op.CREATE and a.remote_id is not None}
    living: defaultdict[str, list[Address]] = defaultdict(list)
    for link in here:
        if link.state is LinkState.LIVE:
            living[link.entity_id].append(link.address)
    for attempt in rows:
        address = attempt.address
        if address is not None:
            by_record[moved.get(address, address)].append(attempt)
        elif attempt.entity_id not in made and len(living[attempt.entity_id]) == 1:
            by_record[living[attempt.entity_id][0]].append(attempt)
        elif attempt.entity_id not in made and living[attempt.entity_id]:
            told.lost.append(attempt)
    return by_record


def _others(writes: Sequence[Attempt], chosen: set[str]) -> dict[Address, list[Attempt]]:
    """By record what other runs wrote to it."""
    others: defaultdict[Address, list[Attempt]] = defaultdict(list)
    for write in writes:
        if write.run_id not in chosen and write.address is not None:
            others[write.address].append(write)
    return dict(others)
