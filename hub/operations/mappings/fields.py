"""A document as a table of fields: what is read where, which way it goes, and who wins."""

from __future__ import annotations

from dataclasses import dataclass

from hub.domain.entities import ENTITIES
from hub.domain.policy import EntityPolicy, Survivorship, Weight
from hub.errors import BadInput
from hub.operations.mappings import documents, names
from hub.operations.mappings.names import VersionLine
from hub.store import mappings as store
from mappings import survivorship
from mappings.clauses import ConsentDoc, Document, FieldDoc
from sync_jobs import documents as jobs
from sync_jobs.hub import Hub


@dataclass(frozen=True, slots=True)
class FieldLine:
    """`remote`: paths, or what stands in their place; `direction` in, out, both; `wins`: the word's weight here and the
    rule of the field; `form`: what is done to values on the way; `table`: remote word -> canonical word."""

    canonical: str
    remote: str
    direction: str
    wins: str
    form: str
    table: dict[str, str]


@dataclass(frozen=True, slots=True)
class FieldsShown:
    """`rules`: field -> rule, for a document that says who wins."""

    version: VersionLine
    entity: str
    keys: tuple[str, ...] = ()
    fields: tuple[FieldLine, ...] = ()
    scope: int = 0
    policy: dict[str, str] | None = None
    rules: dict[str, str] | None = None


async def fields(hub: Hub, name: str, number: int | None = None) -> FieldsShown:
    """The published version's fields without a number. BadInput where it doesn't compile."""
    async with hub.database.read() as conn:
        held = await names.holding(conn, name)
        chosen = held if number is None else await names.numbered(conn, name, number)
        line = await names.lined(conn, chosen)
        written = await documents.version(conn, chosen)
        wins = (await store.published(conn)).get(written.document.entity.name) if written.document else None
    if written.complaints:
        raise BadInput(f"{jobs.titled(chosen)} does not compile", mend="mend it first", complaints=written.complaints)
    if written.document is None:
        assert written.policy is not None
        return FieldsShown(line, written.policy.entity, rules=rules(written.policy))
    policy = survivorship.check(wins.text, wins.name)[0] if wins is not None else None
    return _document(line, written.document, policy)


def rules(policy: EntityPolicy) -> dict[str, str]:
    """Field -> who wins it, in words."""
    return {"every other field": _rule(policy.default)} | {n: _rule(s) for n, s in policy.fields.items()}


def _rule(said: Survivorship) -> str:
    return f"{said.rule}: {', '.join(said.rank)}" if said.rank else said.rule.value


def _document(line: VersionLine, document: Document, policy: EntityPolicy | None) -> FieldsShown:
    p = document.policy
    said = {
        "creates": f"with {p.create_key}" if p.creates else "never",
        "a record deleted there": p.on_gone.value,
        "a buried person's record": p.on_buried.value,
    }
    return FieldsShown(
        line,
        document.entity.name,
        tuple(f"{m.key} from {', '.join(m.paths)}" for m in document.match),
        (*(_field(doc, policy) for doc in document.fields), *(_consent(doc) for doc in document.consent)),
        len(document.scope) + (document.when is not None),
        said if document.entity.name in ENTITIES and document.entity.name != "fact" else None,
    )


def _field(doc: FieldDoc, policy: EntityPolicy | None) -> FieldLine:
    steps = [*doc.normalise, *(name for name, _ in doc.transform)]
    return FieldLine(
        doc.name,
        _remote(doc),
        doc.direction.value,
        _wins(doc, policy),
        ", ".join(steps) if steps != ["trim"] else "",
        {text: str(canonical) for text, _, canonical in doc.table},
    )


def _remote(doc: FieldDoc) -> str:
    if doc.compute is not None:
        return f"= {doc.compute.text}"
    if doc.composite is not None:
        return f"{doc.composite.path} ({doc.composite.form or 'a part'})"
    if not doc.paths:
        return f"always {doc.constant}"
    joiner = " + " if doc.join is not None or doc.definition.many else " or "
    return joiner.join(doc.paths)


def _wins(doc: FieldDoc, policy: EntityPolicy | None) -> str:
    if not doc.direction.reads or doc.weight is Weight.NEVER:
        return "has no say"
    if doc.weight is Weight.OWNER:
        return "owner"
    rule = policy.of(doc.name).rule.value if policy is not None else ""
    words = ["if empty" if doc.weight is Weight.IF_EMPTY else rule, "fills only" if doc.write_if_empty else ""]
    return ", ".join(w for w in words if w)


def _consent(doc: ConsentDoc) -> FieldLine:
    read = " or ".join(dict.fromkeys(r.path for r in doc.reads))
    told = ", ".join(doc.deny or doc.grant)
    ways = {(True, True): "both", (True, False): "in", (False, True): "out"}
    direction = ways.get((bool(doc.reads), bool(doc.deny or doc.grant)), "in")
    remote = read if not told or told == read else f"{read} / {told}" if read else told
    return FieldLine(f"consent.{doc.channel}", remote, direction, "deny wins", "", {})
