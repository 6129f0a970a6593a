"""Domain values in the form of JSON, and back to exactly equal ones: sets are tuples again, not lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.domain.consent import Consent, ConsentState, Evidence, Statements
from hub.domain.golden import Origin
from hub.domain.keys import Address
from hub.domain.link import Said
from hub.domain.outcome import Fault, FaultKind
from hub.domain.plan import Cell
from hub.domain.values import Value


def value_of(form: Any) -> Value:
    """A list is a set of text; everything else is itself."""
    return tuple(form) if type(form) is list else form


def values_of(form: Mapping[str, Any]) -> dict[str, Value]:
    return {name: tuple(item) if type(item) is list else item for name, item in form.items()}


def said_of(form: Mapping[str, Any]) -> dict[str, Said]:
    """`[value, at]` of a scalar, `{element: [present, at]}` of a set."""
    return {
        name: (item[0], item[1]) if type(item) is list else {e: (p, at) for e, (p, at) in item.items()}
        for name, item in form.items()
    }


def evidence_form(evidence: Evidence | None) -> list[str] | None:
    return None if evidence is None else [evidence.who, evidence.when, evidence.how]


def evidence_of(form: Sequence[str] | None) -> Evidence | None:
    return None if form is None else Evidence(*form)


def statements_form(statements: Mapping[str, Statements]) -> dict[str, Any]:
    """Channel -> `[denied_at, granted_at, evidence]`; the denial's own evidence and that of an early grant follow
    where there are any."""
    return {c: [s.denied_at, s.granted_at, evidence_form(s.evidence), *_rare(s)] for c, s in statements.items()}


def _rare(s: Statements) -> list[Any]:
    if s.early is not None:
        return [evidence_form(s.denial), evidence_form(s.early)]
    return [evidence_form(s.denial)] if s.denial is not None else []


def statements_of(form: Mapping[str, Any]) -> dict[str, Statements]:
    return {
        c: Statements(denied, granted, *map(evidence_of, evidences))
        for c, (denied, granted, *evidences) in form.items()
    }


def consent_form(consent: Mapping[str, Consent]) -> dict[str, Any]:
    """Channel -> `[state, at, origin, evidence]`."""
    return {c: [s.state, s.at, s.origin, evidence_form(s.evidence)] for c, s in consent.items()}


def consent_of(form: Mapping[str, Any]) -> dict[str, Consent]:
    return {c: Consent(ConsentState(s), at, o, evidence_of(e)) for c, (s, at, o, e) in form.items()}


def origins_form(origins: Mapping[str, Origin]) -> dict[str, Any]:
    """Field -> `[connection, stream, remote_id, at, rule]`; the first three are null for a person at the hub."""
    return {
        name: [a.connection, a.stream, a.remote_id, o.at, o.rule]
        if (a := o.address)
        else [None, None, None, o.at, o.rule]
        for name, o in origins.items()
    }


def origins_of(form: Mapping[str, Any]) -> dict[str, Origin]:
    return {
        name: Origin(None if connection is None else Address(connection, stream, remote_id), at, rule)
        for name, (connection, stream, remote_id, at, rule) in form.items()
    }


def cells_form(cells: Sequence[Cell]) -> list[Any]:
    """`[[field, before, after, rule, origin], ...]`."""
    return [[c.field, c.before, c.after, c.rule, c.origin] for c in cells]


def cells_of(form: Sequence[Any]) -> tuple[Cell, ...]:
    return tuple(Cell(name, value_of(b), value_of(a), rule, origin) for name, b, a, rule, origin in form)


def fault_form(fault: Fault | None) -> dict[str, Any] | None:
    if fault is None:
        return None
    return {
        "kind": fault.kind,
        "code": fault.code,
        "message": fault.message,
        "field": fault.field,
        "retry_after": fault.retry_after,
    }


def fault_of(form: Mapping[str, Any] | None) -> Fault | None:
    return None if form is None else Fault(**{**form, "kind": FaultKind(form["kind"])})
