"""Deciding: what would make one sink right about one entity. Every row of the table in `hub/README.md` is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.domain.consent import Consent, ConsentState
from hub.domain.golden import Golden, GoldenState
from hub.domain.keys import Key
from hub.domain.link import Link, LinkState
from hub.domain.plan import Cell, Change, Op
from hub.domain.policy import FieldPolicy, OnBuried, StreamPolicy
from hub.domain.values import Value, is_empty
from hub.engine.compare import same
from hub.engine.hear import CONSENT


@dataclass(frozen=True, slots=True)
class Place:
    """A sink as the decision sees it: where it is, what its mapping says, and which other streams of the same
    connection hold the same kind of entity (a person who is a lead there is not made a contact too)."""

    connection: str
    stream: str
    policy: StreamPolicy


@dataclass(frozen=True, slots=True)
class Decision:
    """`changes` make it right; `waits` says why nothing may be decided yet ("in doubt"); `notes` say why something
    that one might expect is not done."""

    changes: tuple[Change, ...] = ()
    waits: str = ""
    notes: tuple[str, ...] = field(default=())


def decide(
    golden: Golden, links: Sequence[Link], place: Place, *, in_doubt: bool, key: Key | None, elsewhere: bool = False
) -> Decision:
    """`links`: all of the entity, in every connection. `key`: how the record could be found again at this sink.
    `elsewhere`: what is in doubt are writes to other connections alone. Who opted out doesn't wait for these: a denial
    may always be told."""
    if in_doubt:
        otherwise = decide(golden, links, place, in_doubt=False, key=None) if elsewhere else Decision()
        return Decision(denials(otherwise.changes), waits="a write is in doubt")
    if golden.state is GoldenState.MERGED:
        return Decision()
    here = [k for k in links if k.address.connection == place.connection and k.address.stream == place.stream]
    live = [k for k in here if k.state is LinkState.LIVE]
    if golden.state is GoldenState.BURIED:
        return _buried(golden, live, place)
    changes = [c for c in (_update(golden, link, place, several=len(live) > 1) for link in live) if c]
    changes = [part for change in changes for part in parts(change, place.policy)]
    if live:
        return Decision(tuple(changes))
    return _create(golden, links, here, place, key)


def _buried(golden: Golden, live: Sequence[Link], place: Place) -> Decision:
    """A tombstone: tell what was denied where there is a field for it; then, per policy, remove or leave."""
    changes: list[Change] = []
    for link in live:
        if place.policy.on_buried is OnBuried.REMOVE:
            changes.append(
                _change(Op.REMOVE, golden, link, place, (), "deleted elsewhere, and nobody changed it since")
            )
        else:
            cells = _consent_cells(golden, link, place.policy)
            if cells:
                changes.append(_change(Op.UPDATE, golden, link, place, cells, "consent crosses deletion"))
    return Decision(tuple(part for c in changes for part in parts(c, place.policy)))


def _create(golden: Golden, links: Sequence[Link], here: Sequence[Link], place: Place, key: Key | None) -> Decision:
    why_not = _why_not_create(golden, links, here, place, key)
    if why_not is not None:
        return Decision(notes=(why_not,) if why_not else ())
    cells = []
    for name, policy in place.policy.fields.items():
        if not policy.direction.writes or name.startswith(CONSENT):
            continue
        value = golden.values.get(name)
        if not is_empty(value):
            cells.append(_cell(golden, name, None, value))
    cells += _consent_cells(golden, None, place.policy)
    change = Change(
        Op.CREATE, golden.entity_id, place.connection, place.stream, None, key, tuple(cells), "not there yet"
    )
    main = [c for c in cells if _part(place.policy, c.field) == ""]
    return Decision((_with(change, tuple(main), ""),))


def _why_not_create(
    golden: Golden, links: Sequence[Link], here: Sequence[Link], place: Place, key: Key | None
) -> str | None:
    """None: create. Otherwise the reason, "" where there is nothing to say."""
    policy = place.policy
    if not policy.creates:
        return ""
    if any(k.state is LinkState.UNLINKED for k in here):
        return "deleted there by a person; its mapping says not to make it again"
    siblings = [k for k in links if k.address.connection == place.connection and k.state is LinkState.LIVE]
    if siblings and not policy.create_beside:
        return f"lives there already, in {siblings[0].address.stream}"
    if not any(k.state is LinkState.LIVE and k.in_scope for k in links):
        return "in scope nowhere"
    if key is None or is_empty(golden.values.get(policy.create_key)):
        return f"has no {policy.create_key} of its own: it could not be found again"
    lacking = [f for f in policy.create_requires if is_empty(golden.values.get(f))]
    if lacking:
        return f"lacks {', '.join(lacking)}, which the mapping requires for a create"
    if not policy.create_denied and any(c.state is ConsentState.DENIED for c in _spoken(golden, policy)):
        return "denied consent; its mapping says not to create such people"
    return None


def _spoken(golden: Golden, policy: StreamPolicy) -> list[Consent]:
    """The consents that this sink's mapping speaks of; all of them when it speaks of none."""
    spoken = [c for channel, c in golden.consent.items() if CONSENT + channel in policy.fields]
    return spoken or list(golden.consent.values())


def _update(golden: Golden, link: Link, place: Place, *, several: bool) -> Change | None:
    cells = _field_cells(golden, link, place.policy, several=several) if link.in_scope else []
    cells += _consent_cells(golden, link, place.policy)
    return _change(Op.UPDATE, golden, link, place, cells, "differs from the golden record") if cells else None


def _field_cells(golden: Golden, link: Link, policy: StreamPolicy, *, several: bool) -> list[Cell]:
    cells = []
    for name, field_policy in policy.fields.items():
        if not field_policy.direction.writes or name not in golden.values or name.startswith(CONSENT):
            continue
        value = golden.values[name]
        if name == policy.create_key and several and _own_address(golden, link, name):
            continue
        if _agreed(field_policy, link, name, value):
            continue
        cells.append(_cell(golden, name, link.echo.get(name), value))
    return cells


def _agreed(field_policy: FieldPolicy, link: Link, name: str, value: Value) -> bool:
    """Nothing to tell: both agreed on it last, or the remote holds it anyway, or there is nothing to clear."""
    before = link.echo.get(name)
    if name in link.sent and same(field_policy.compare, value, link.sent[name]):
        return True
    if name in link.echo and same(field_policy.compare, value, before):
        return True
    if is_empty(value) and is_empty(before):
        return True
    return field_policy.write_if_empty and not is_empty(before)


def _own_address(golden: Golden, link: Link, name: str) -> bool:
    """Of several records of one person at one vendor each keeps its own address, as long as it is one of theirs:
    addresses are unique at many vendors, and telling both the same would only be refused."""
    own = link.echo.get(name)
    everyone = golden.values.get(name + "s")
    return isinstance(everyone, tuple) and own in everyone


def _consent_cells(golden: Golden, link: Link | None, policy: StreamPolicy) -> list[Cell]:
    """Consent is compared with what the remote *holds*, not with what was agreed: a denial that a remote dropped
    without evidence is told again."""
    cells = []
    for channel, consent in golden.consent.items():
        name = CONSENT + channel
        field_policy = policy.fields.get(name)
        if field_policy is None or not field_policy.direction.writes:
            continue
        holds = link.echo.get(name) if link else None
        if consent.state is ConsentState.DENIED and holds != "denied":
            cells.append(Cell(name, holds, "denied", "deny wins", consent.origin))
        elif consent.state is ConsentState.GRANTED and holds == "denied" and channel in policy.grants:
            cells.append(Cell(name, holds, "granted", "newer evidenced grant", consent.origin))
    return cells


def _cell(golden: Golden, name: str, before: Value, after: Value) -> Cell:
    origin = golden.origins.get(name)
    if origin is None:
        return Cell(name, before, after, "")
    where = origin.address
    return Cell(
        name, before, after, origin.rule, f"{where.connection}/{where.stream}/{where.remote_id}" if where else "hub"
    )


def _change(op: Op, golden: Golden, link: Link, place: Place, cells: Sequence[Cell], reason: str) -> Change:
    key = next((k for k in link.keys if k.kind == place.policy.create_key), None)
    address = link.address
    return Change(op, golden.entity_id, place.connection, place.stream, address.remote_id, key, tuple(cells), reason)


def _part(policy: StreamPolicy, name: str) -> str:
    field_policy = policy.fields.get(name)
    return field_policy.part if field_policy else ""


def parts(change: Change, policy: StreamPolicy) -> list[Change]:
    """One change per write call, consent first: if the rest fails, the opt-out is told all the same."""
    if change.op is not Op.UPDATE:
        return [change]
    by_part: dict[str, list[Cell]] = {}
    for cell in change.cells:
        by_part.setdefault(_part(policy, cell.field), []).append(cell)
    order = sorted(by_part, key=lambda part: (not _holds_consent(by_part[part]), part))
    return [_with(change, tuple(by_part[part]), part) for part in order]


def _holds_consent(cells: Sequence[Cell]) -> bool:
    return any(c.field.startswith(CONSENT) for c in cells)


def _with(change: Change, cells: tuple[Cell, ...], part: str) -> Change:
    return Change(
        change.op,
        change.entity_id,
        change.connection,
        change.stream,
        change.remote_id,
        change.key,
        cells,
        change.reason,
        part,
    )


def key_of(golden: Golden, links: Sequence[Link], policy: StreamPolicy) -> Key | None:
    """The key under which a record made here could be found again: one that identifies this entity alone. The address
    of a shared mailbox is nobody's key, so nothing is created by it."""
    value = golden.values.get(policy.create_key)
    if is_empty(value) or isinstance(value, tuple):
        return None
    key = Key(policy.create_key, str(value).strip().casefold())
    return key if any(key in link.keys for link in links) else None


def denials(changes: Iterable[Change]) -> tuple[Change, ...]:
    """What of these changes opts somebody out where he has a record, and nothing else."""
    narrowed = (replace(c, cells=tuple(filter(_denies, c.cells))) for c in changes if c.op is Op.UPDATE)
    return tuple(change for change in narrowed if change.cells)


def only_denies(change: Change) -> bool:
    return change.op is Op.UPDATE and all(map(_denies, change.cells))


def _denies(cell: Cell) -> bool:
    return cell.field.startswith(CONSENT) and cell.after == ConsentState.DENIED


def told(change: Change) -> Mapping[str, Value]:
    """What the remote should show of the told fields when the change was applied."""
    return {cell.field: cell.after for cell in change.cells}
