"""Why a golden record is as it is: for each field its value, who said it and when, the rule that chose it, what lost
and why; and where it was pushed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.domain.attempt import Attempt
from hub.domain.consent import Consent, ConsentState, Evidence, Statements
from hub.domain.entities import ENTITIES
from hub.domain.golden import Golden, GoldenState, Pin
from hub.domain.history import FieldChange
from hub.domain.keys import Address
from hub.domain.link import Link
from hub.domain.policy import Rule
from hub.domain.values import Value, is_empty
from hub.engine.hear import CONSENT
from hub.engine.reconcile import Rules
from hub.engine.survive import Word, choose, words_of
from hub.errors import BadInput, NotFound
from hub.operations.nearest import unknown
from hub.store import attempts as attempt_store
from hub.store import changes as change_store
from hub.store import golden as golden_store
from hub.store import links as link_store
from hub.store import pins as pin_store
from hub.store import statements as statement_store
from hub.store.database import Transaction
from sync_jobs.hub import Hub

SAME = "says the same"
EARLY = "counts for nothing: it was dated later than it was seen"
AT_HUB = "a person at the hub"
MOST_MATCHES = 10
MOST_PUSHES = 20
MOST_CHANGES = 10


@dataclass(frozen=True, slots=True)
class Voice:
    """What one record's people said of a field, and what became of it. `why` is "" for the winner; `evidence` comes
    with some statements of consent."""

    source: str
    value: Value
    at: str
    wins: bool
    why: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class FieldExplained:
    """`source` is the record that won, or "a person at the hub"; `changes`: the latest first."""

    field: str
    title: str
    value: Value
    source: str
    at: str
    rule: str
    voices: tuple[Voice, ...] = ()
    changes: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentExplained:
    """`lift`: what would lift the denial; "" when nothing is denied."""

    channel: str
    state: str
    at: str | None
    source: str
    evidence: str
    voices: tuple[Voice, ...] = ()
    lift: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A remote record of the entity, and what it shows now."""

    connection: str
    stream: str
    remote_id: str
    state: str
    in_scope: bool


@dataclass(frozen=True, slots=True)
class Push:
    """One write of the entity. `op`: create, update, remove; "undo: update" and the like for what an undo wrote.
    `fields` it meant to change; `said` is the vendor's complaint, when there was one."""

    at: str
    connection: str
    stream: str
    remote_id: str
    op: str
    fields: tuple[str, ...]
    state: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    entity: str
    entity_id: str
    state: str
    merged_into: str | None
    copies: tuple[Copy, ...]
    fields: tuple[FieldExplained, ...]
    consent: tuple[ConsentExplained, ...]
    pushes: tuple[Push, ...]


def source_of(address: Address | None) -> str:
    """`connection/stream/id`, or who else said it."""
    return AT_HUB if address is None else f"{address.connection}/{address.stream}/{address.remote_id}"


def voices(words: Sequence[Word], winner: Word | None, rule: Rule) -> tuple[Voice, ...]:
    """The winner first, then what lost, each with the reason."""
    told = [Voice(source_of(w.address), w.value, w.at, w is winner, _why(w, winner, rule)) for w in words]
    return tuple(sorted(told, key=lambda v: not v.wins))


def _why(word: Word, winner: Word | None, rule: Rule) -> str:
    """Why a word lost; "" for the winner."""
    if winner is None or word is winner:
        return ""
    if str(word.value).casefold() == str(winner.value).casefold():
        return SAME
    if is_empty(winner.value):
        return f"erased later by {_apart(winner.address, word.address)[0]}"
    if is_empty(word.value):
        return "blank, and a value was said later" if winner.at > word.at else "blank; a lower rank does not erase"
    if rule is Rule.NEWEST:
        return "older"
    if rule is Rule.LONGEST:
        return "shorter" if len(str(word.value)) < len(str(winner.value)) else "as long, but older"
    if word.rank > winner.rank:
        loser, first = _apart(word.address, winner.address)
        return f"{loser} ranks below {first}"
    if word.rank < winner.rank:
        return "was erased since"
    return "same rank, but older"


def _apart(one: Address, other: Address) -> tuple[str, str]:
    """Names for two records, as short as they differ: by connection, else by stream, else by id."""
    if one.connection != other.connection:
        return one.connection, other.connection
    if one.stream != other.stream:
        return f"{one.connection}/{one.stream}", f"{other.connection}/{other.stream}"
    return source_of(one), source_of(other)


async def explain(hub: Hub, entity: str, key: str, field: str | None = None) -> Explanation:
    """Explains the one golden record that `key` means. NotFound when there is none; BadInput names the candidates
    when there are several."""
    async with hub.database.read() as conn:
        golden = await one(conn, entity, key)
        links = (await link_store.by_entities(conn, [golden.entity_id])).get(golden.entity_id, [])
        pins = tuple((await pin_store.fetch(conn, [golden.entity_id])).get(golden.entity_id, {}).values())
        changes = await change_store.of_entity(conn, golden.entity_id)
        attempts = await attempt_store.of_entity(conn, golden.entity_id, MOST_PUSHES)
        at_hub = (await statement_store.fetch(conn, [golden.entity_id])).get(golden.entity_id, {})
    names = _names(golden, links, field)
    return Explanation(
        entity=entity,
        entity_id=golden.entity_id,
        state=golden.state.value,
        merged_into=golden.merged_into,
        copies=tuple(
            Copy(k.address.connection, k.address.stream, k.address.remote_id, k.state.value, k.in_scope) for k in links
        ),
        fields=tuple(_field(hub.rules(entity), golden, links, pins, changes, name) for name in names),
        consent=consents(golden, links, at_hub, field),
        pushes=tuple(_push(a) for a in attempts if field is None or any(c.field == field for c in a.cells)),
    )


def hub_entities() -> tuple[str, ...]:
    """The entities that have golden records."""
    return tuple(name for name in ENTITIES if name != "fact")


async def one(conn: Transaction, entity: str, key: str) -> Golden:
    """The golden record that `key` means. NotFound when there is none; BadInput names the candidates of several."""
    if entity not in hub_entities():
        raise unknown("entity", entity, hub_entities())
    found = await golden_store.find(conn, entity, key, MOST_MATCHES)
    for _ in range(MOST_MATCHES):
        if not (len(found) == 1 and found[0].merged_into):
            break
        found = list((await golden_store.fetch(conn, [found[0].merged_into])).values()) or found
    living = [g for g in found if g.state is not GoldenState.MERGED] or found
    if not living:
        raise NotFound(
            f"no {entity} is known by that",
            mend="give an e-mail, a code, the hub's id (con_..., cam_...) or a vendor's id",
        )
    if len(living) > 1:
        raise BadInput(
            f"{len(living)} {entity}s are known by that: {', '.join(g.entity_id for g in living)}",
            mend="name one of them by its id",
        )
    return living[0]


def _names(golden: Golden, links: Sequence[Link], field: str | None) -> list[str]:
    """The fields to explain, in the order of the entity's definition, custom ones last."""
    known = set(golden.values) | {name for link in links for name in link.said}
    if field is None:
        order = list(ENTITIES[golden.entity].fields)
        return sorted(known, key=lambda n: (order.index(n) if n in order else len(order), n))
    definition = ENTITIES[golden.entity]
    consents = [f"consent.{channel}" for channel in definition.channels]
    if field in consents:
        return []
    if field not in known and field not in definition.fields:
        raise unknown(f"field of a {golden.entity}", field, {*known, *definition.fields, *consents})
    return [field]


def _field(
    rules: Rules,
    golden: Golden,
    links: Sequence[Link],
    pins: Sequence[Pin],
    changes: Sequence[FieldChange],
    name: str,
) -> FieldExplained:
    definition = ENTITIES[golden.entity].field(name)
    origin = golden.origins.get(name)
    pin = next((p for p in pins if p.field == name), None)
    rule = rules.survivorship.of(name)
    words = words_of(name, links, rule, rules.ranker, rules.weigh)
    winner = None if pin is not None else choose(words, rule.rule)
    told = voices(words, winner, rule.rule) if words else _elements(name, links)
    if pin is not None:
        told = tuple(Voice(v.source, v.value, v.at, False, f"pinned by {pin.who}") for v in told)
    return FieldExplained(
        field=name,
        title=definition.title if definition is not None else name,
        value=golden.values.get(name),
        source=source_of(origin.address) if origin is not None else "nobody",
        at=origin.at if origin is not None else "",
        rule=origin.rule if origin is not None else "",
        voices=told,
        changes=tuple(c for c in changes if c.field == name)[:MOST_CHANGES],
    )


def _elements(name: str, links: Sequence[Link]) -> tuple[Voice, ...]:
    """What each record's people said of a many-valued field: what they added and what they took away."""
    told = []
    for link in links:
        said = link.said.get(name)
        if not isinstance(said, Mapping):
            continue
        for element, (present, at) in sorted(said.items()):
            told.append(Voice(source_of(link.address), element, at, False, "added" if present else "removed"))
    return tuple(told)


def consents(
    golden: Golden, links: Sequence[Link], at_hub: Mapping[str, Statements], field: str | None = None
) -> tuple[ConsentExplained, ...]:
    """Each channel of which anything was said, or the one that `field` (`consent.email`) names. `at_hub`: what
    operators recorded, by channel."""
    channels = sorted(golden.consent) if field is None else [field.removeprefix(CONSENT)]
    if field is not None and not field.startswith(CONSENT):
        return ()
    silent = Consent(ConsentState.UNKNOWN)
    return tuple(_consent(golden, c, golden.consent.get(c, silent), links, at_hub.get(c)) for c in channels)


def _consent(
    golden: Golden, channel: str, consent: Consent, links: Sequence[Link], at_hub: Statements | None
) -> ConsentExplained:
    said = [("hub", at_hub)] if at_hub is not None else []
    said += [(source_of(k.address), k.statements[channel]) for k in links if channel in k.statements]
    told = tuple(v for source, statements in said for v in _statements(source, statements, consent))
    winner = next((v for v in told if v.wins), None)
    return ConsentExplained(
        channel=channel,
        state=consent.state.value,
        at=consent.at,
        source=_speaker(consent.origin) if consent.origin else "nobody",
        evidence=winner.evidence if winner is not None else _evidence(consent.evidence),
        voices=told,
        lift=_lift(golden, channel, consent) if consent.state is ConsentState.DENIED else "",
    )


def _lift(golden: Golden, channel: str, consent: Consent) -> str:
    return (
        f"only a grant given after {consent.at}, with evidence of who, when and how: "
        f"`hub consent grant {golden.entity} {golden.entity_id} {channel} --who ... --how ... --when ...`"
    )


def _statements(source: str, said: Statements, consent: Consent) -> list[Voice]:
    """What one record, or an operator, said of a channel. Deny wins: a grant must be newer than every denial, and
    evidenced."""
    told = []
    for state, at, evidence in (
        ("denied", said.denied_at, said.denial),
        ("granted", said.granted_at, said.evidence),
    ):
        if at is None:
            continue
        wins = state == consent.state.value and at == consent.at and source == consent.origin
        why = SAME if state == consent.state.value else _why_not(state)
        told.append(Voice(_speaker(source), state, at, wins, "" if wins else why, _evidence(evidence)))
    if said.early is not None:
        told.append(Voice(_speaker(source), "granted", said.early.when, False, EARLY, _evidence(said.early)))
    return told


def _speaker(origin: str) -> str:
    return AT_HUB if origin == "hub" else origin


def _evidence(evidence: Evidence | None) -> str:
    """`double opt-in, form 12, by ann, 2026-01-31T...`; parts that nobody said are left out."""
    if evidence is None:
        return ""
    return ", ".join(p for p in (evidence.how, evidence.who and f"by {evidence.who}", evidence.when) if p)


def _why_not(state: str) -> str:
    return "a newer, evidenced grant lifted it" if state == "denied" else "deny wins: no newer grant with evidence"


def _push(attempt: Attempt) -> Push:
    fault = attempt.fault
    return Push(
        at=attempt.opened_at,
        connection=attempt.connection,
        stream=attempt.stream,
        remote_id=attempt.remote_id or "",
        op=f"undo: {attempt.op.value}" if attempt.undoes else attempt.op.value,
        fields=tuple(c.field for c in attempt.cells),
        state=attempt.state.value,
        said=f"{fault.code}: {fault.message}" if fault is not None else "",
    )
