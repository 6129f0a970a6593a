"""Agreement: does a remote record hold what the hub says it should? Asked of what it shows, not of what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.domain.attempt import Attempt
from hub.domain.consent import ConsentState
from hub.domain.golden import Golden, GoldenState
from hub.domain.link import Link, LinkState
from hub.domain.policy import FieldPolicy, StreamPolicy
from hub.domain.values import Value, is_empty
from hub.engine.compare import same
from hub.engine.hear import CONSENT, Shown


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One field: what the store says, what the remote shows, and why they differ, as far as it can be told."""

    field: str
    store: Value
    remote: Value
    reason: str


def disagreements(
    golden: Golden, link: Link, twins: Sequence[Link], shown: Shown, policy: StreamPolicy
) -> list[Disagreement]:
    """`twins`: other live records of the entity in the same stream."""
    found = []
    if golden.state is GoldenState.LIVE and link.in_scope and shown.in_scope:
        for name, field_policy in policy.fields.items():
            if not field_policy.direction.writes or name not in golden.values or name not in shown.values:
                continue
            if name.startswith(CONSENT) or (name == policy.create_key and _theirs(golden, name, shown, twins)):
                continue
            if not _holds(field_policy, golden.values[name], shown.values[name], link, name):
                reason = _reason(field_policy, golden, link, shown.values[name], name)
                found.append(Disagreement(name, golden.values[name], shown.values[name], reason))
    return found + _consents(golden, shown, policy)


def held_back(golden: Golden, link: Link, undone: Sequence[Attempt], policy: StreamPolicy) -> tuple[str, ...]:
    """The fields in which the record shows what an undo put back, and not what the golden record holds: the hub waits
    until the golden record moves. `undone`: the writes of undos to this record, oldest first."""
    undoes: dict[str, dict[str, str]] = {}  # field -> run of an undo -> the run that it undid
    values: dict[str, Value] = {}
    for attempt in (a for a in undone if a.undoes):
        values.update(attempt.expect)
        for cell in attempt.cells:
            undoes.setdefault(cell.field, {})[attempt.run_id] = cell.origin
    fields = []
    for name, runs in undoes.items():
        field_policy = policy.fields.get(name)
        if field_policy is None or name not in golden.values or name not in link.sent or name not in values:
            continue
        compare, shown = field_policy.compare, link.echo.get(name)
        waits = same(compare, golden.values[name], link.sent[name]) and same(compare, shown, values[name])
        if waits and not _redone(runs) and not same(compare, shown, golden.values[name]):
            fields.append(name)
    return tuple(fields)


def _redone(undoes: Mapping[str, str]) -> bool:
    """Whether the last of these undos undid another one, so that the first write stands again."""
    run, undone = list(undoes)[-1], False
    while undoes[run] in undoes and undoes[run] != run:
        run, undone = undoes[run], not undone
    return undone


def _holds(policy: FieldPolicy, wanted: Value, held: Value, link: Link, name: str) -> bool:
    if same(policy.compare, wanted, held) or (policy.write_if_empty and not is_empty(held)):
        return True
    rewritten = name in link.sent and same(policy.compare, wanted, link.sent[name])
    return rewritten and name in link.echo and same(policy.compare, held, link.echo[name])


def _theirs(golden: Golden, name: str, shown: Shown, twins: Sequence[Link]) -> bool:
    everyone = golden.values.get(name + "s")
    live = any(t.state is LinkState.LIVE for t in twins)
    return live and isinstance(everyone, tuple) and shown.values.get(name) in everyone


def _reason(policy: FieldPolicy, golden: Golden, link: Link, held: Value, name: str) -> str:
    if name in link.echo and not same(policy.compare, held, link.echo[name]):
        return "changed there since it was last read"
    if name in link.sent and same(policy.compare, golden.values[name], link.sent[name]):
        return "told, and not kept there"
    return "not told yet"


def _consents(golden: Golden, shown: Shown, policy: StreamPolicy) -> list[Disagreement]:
    found = []
    for channel, consent in golden.consent.items():
        field_policy = policy.fields.get(CONSENT + channel)
        reading = shown.consent.get(channel)
        if field_policy is None or reading is None:
            continue
        if consent.state is ConsentState.DENIED and reading.state != "denied" and field_policy.direction.writes:
            found.append(Disagreement(CONSENT + channel, "denied", reading.state, "the opt-out is not held there"))
    return found
