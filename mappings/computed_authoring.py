"""Builds what a document says by expressions: computed fields, and a condition of the scope."""

from __future__ import annotations

from mappings.clauses import ComputeDoc
from mappings.expressions import BadExpression, Checked, NoEngine, check
from mappings.shapes import Checker, Place, quoted

_SCALARS = ("DYN", "STRING", "INT", "UINT", "DOUBLE", "BOOL", "TIMESTAMP", "NULL")


def build_compute(
    checker: Checker, place: Place, text: str, reads: tuple[str, ...], *, many: bool = False
) -> ComputeDoc | None:
    """A computed value; None after a complaint. `reads`: what the author says beside it, `many`: a list is meant."""
    checked = _checked(checker, (*place, "compute"), text)
    if checked is None:
        return None
    if checked.gives not in _SCALARS and not (many and checked.gives.startswith("LIST")):
        expected = "a list of texts" if many else "a text, number, boolean, time or null"
        checker.complain((*place, "compute"), f"an expression that gives {_told(checked)}", expected)
        return None
    if not checked.known and not reads:
        said = "an expression of which can't be told what it reads"
        mend = "Say `reads: [...]` beside it, all paths that it needs"
        checker.complain((*place, "compute"), said, "reading by names, such as record.a.b", mend)
        return None
    return ComputeDoc(text, tuple(dict.fromkeys((*checked.paths, *reads))), checked.room)


def build_when(checker: Checker, said: object) -> ComputeDoc | None:
    """The expression of the scope, if it has one that can be used."""
    text = said.get("when") if isinstance(said, dict) else None
    place = ("scope", "when")
    checked = _checked(checker, place, text) if isinstance(text, str) else None
    if checked is None:
        return None
    if checked.gives not in ("BOOL", "DYN"):
        checker.complain(place, f"an expression that gives {_told(checked)}", "true or false")
    elif not checked.known:
        said_ = "an expression of which can't be told what it reads"
        checker.complain(place, said_, "reading by names, such as record.a.b")
    return ComputeDoc(checked.text, checked.paths, checked.room)


def _told(checked: Checked) -> str:
    return checked.gives.lower()


def _checked(checker: Checker, place: Place, text: str) -> Checked | None:
    try:
        return check(text)
    except BadExpression as bad:
        where = f" (line {bad.line} of it)" if bad.line > 1 else ""
        checker.complain(place, quoted(text), f"an expression that CEL takes: {bad}{where}")
    except NoEngine:
        expected = "no expressions: cel-expr-python is not installed here, and not every platform has it"
        checker.complain(place, quoted(text), expected, "Use paths, transforms and tables")
    return None
