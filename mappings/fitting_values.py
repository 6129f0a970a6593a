"""Whether a field's values go with the remote's field: its type, its choices, its length; decided by trying values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from hub.domain.entities import Kind
from hub.domain.values import Value
from hub.sdk.streams import FieldInfo
from mappings import kinds
from mappings.clauses import Document, FieldDoc
from mappings.corpus import beside, canonical, only
from mappings.lens import Lens
from mappings.shapes import nearest
from mappings.tree import text_of

Finding: TypeAlias = tuple[str, str, str, str]
"""The key of the field, what it says, what was expected, how to mend it."""

MOST = 5
"""How many words one complaint names."""


class Form(StrEnum):
    """What the remote's values look like, in broad classes."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "true or false"
    DAY = "day"
    MOMENT = "moment"
    OBJECT = "object"


_TYPES: dict[Form, str] = {
    Form.TEXT: """string text textarea richtext html email phone phone_number url imageurl zip id reference
        resource_name encryptedstring""",
    Form.NUMBER: """number integer int int32 int64 uint64 long double float decimal currency percent money""",
    Form.FLAG: "bool boolean checkbox",
    Form.DAY: "date",
    Form.MOMENT: "datetime timestamp",
    Form.OBJECT: "address location object_coordinates",
}
FORMS: dict[str, Form] = {word: form for form, words in _TYPES.items() for word in words.split()}
"""By the vendors' names of types, in lower case. A type that isn't here says nothing."""

_SHOWN: dict[Form, tuple[Any, ...]] = {
    Form.NUMBER: (0, 1, 12, 12.5, 1769846400, 1769846400000, "12", "1.5", "1769846400000"),
    Form.FLAG: (True, False, "true", "false"),
    Form.DAY: ("2026-01-31", "01/31/2026", "31.01.2026"),
    Form.MOMENT: ("2026-01-31T08:00:00.000+0000", "2026-01-31T08:00:00Z", "2026-01-31 08:00:00", 1769846400000),
    Form.OBJECT: ({"city": "Bonn"}, {}),
}
"""What a remote may show of a form. Texts may be anything."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[/.]\d{1,2}[/.]\d{4}|-?\d{6,14}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*|\d{1,2}[/.]\d{1,2}[/.]\d{4} .*|-?\d{1,14}")
_TAKES: dict[Form, Callable[[Any], bool]] = {
    Form.NUMBER: lambda v: (
        not isinstance(v, bool) and re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", str(v)) is not None
    ),
    Form.FLAG: lambda v: isinstance(v, bool) or str(v).casefold() in ("true", "false", "1", "0", "yes", "no"),
    Form.DAY: lambda v: not isinstance(v, bool) and _DAY.fullmatch(str(v)) is not None,
    Form.MOMENT: lambda v: not isinstance(v, bool) and _MOMENT.fullmatch(str(v)) is not None,
}
"""Whether a remote of a form could take a value."""


@dataclass(slots=True)
class Misfits:
    complaints: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def form_of(info: FieldInfo) -> Form | None:
    """The broad class of a remote field's type; None for types that nobody here knows."""
    return FORMS.get(info.type.strip().lower())


def single(info: FieldInfo) -> bool:
    """Whether the field is known to hold single values, without parts."""
    return form_of(info) not in (None, Form.OBJECT)


def misfits(info: FieldInfo, document: Document, doc: FieldDoc) -> Misfits:
    """What of a field doesn't go with one remote field that it reads or writes."""
    found = Misfits()
    lens = only(replace(document, file=""), doc.name)
    if not doc.definition.many:
        _check_type(found, info, doc, lens)
    if info.choices:
        _check_rows(found, info, doc, lens)
    if doc.direction.writes:
        _check_written(found, info, doc, lens)
    return found


def _check_type(found: Misfits, info: FieldInfo, doc: FieldDoc, lens: Lens) -> None:
    """Reading: whether any value that such a remote shows could be read."""
    form = form_of(info)
    if form in (None, Form.TEXT) or doc.table or info.choices or doc.join is not None:
        return
    assert form is not None
    if any(not lens.get(_at(doc, info, value)).complaints for value in _SHOWN[form]):
        return
    said = f'"{info.path}", which is of type {info.type} there'
    found.complaints.append(("path", said, f"values that can be read as {_kind(doc)}", _mend(doc)))


def _at(doc: FieldDoc, info: FieldInfo, value: Any) -> dict[str, Any]:
    return {**beside(doc), info.path: value}


def _kind(doc: FieldDoc) -> str:
    kind = "a single value" if doc.free else f"kind {doc.definition.kind}"
    return f"{kind}, as {doc.name} is"


def _mend(doc: FieldDoc) -> str:
    return "Say another `kind`, or add a transform" if doc.name.startswith("custom.") else "Add a transform or a table"


# -- choices ------------------------------------------------------------------------------------------------------


def _check_rows(found: Misfits, info: FieldInfo, doc: FieldDoc, lens: Lens) -> None:
    """The remote's choices must be readable; rows for values that it doesn't offer are worth a look."""
    unread = [c for c in info.choices if lens.get(_at(doc, info, c)).complaints]
    if unread:
        said = f"no row for {_named(unread)}, which {info.path} offers"
        mend = "Add rows to the table, or say `on_unknown`" if doc.table else "Add a `table`"
        found.complaints.append(("table" if doc.table else "path", said, "every choice of the remote", mend))
    offered = {*info.choices} | {_read_as(doc, choice) for choice in info.choices}
    stray = [text for text, _, _ in doc.table if text and text not in offered]
    if stray:
        said = f"rows for {_named(stray)}, which {info.path} does not offer"
        found.warnings.append(("table", said, "rows for its choices", nearest(stray[0], info.choices)))


def _read_as(doc: FieldDoc, choice: str) -> str:
    """A choice as the table sees it, after the usual normalisers."""
    for name, change in (("trim", str.strip), ("lower", str.lower), ("upper", str.upper)):
        choice = change(choice) if name in doc.normalise else choice
    return choice


def _named(words: list[str]) -> str:
    more = f" and {len(words) - MOST} more" if len(words) > MOST else ""
    return ", ".join(f'"{word[:60]}"' for word in words[:MOST]) + more


# -- writing ------------------------------------------------------------------------------------------------------


def _check_written(found: Misfits, info: FieldInfo, doc: FieldDoc, lens: Lens) -> None:
    values, silent = _written(info, doc, lens)
    if info.choices:
        _check_choices(found, info, doc, values)
    elif values:
        _check_form(found, info, doc, values)
    if doc.definition.choices and silent and (doc.table or doc.write_table):
        said = f"no word for {_named([text_of(value) for value in silent])}"
        mend = "Add it to the table or to write_table"
        found.warnings.append(("table", said, "a word for every value that other systems may say", mend))
    _check_length(found, info, doc, values)


def _written(info: FieldInfo, doc: FieldDoc, lens: Lens) -> tuple[list[Any], list[Value]]:
    """What is written to the path for sample values, and the values that cannot be written."""
    values: list[Any] = []
    silent: list[Value] = []
    shown = _at(doc, info, "x") if len(doc.paths) > 1 else beside(doc)
    for value in canonical(doc):
        if value is None or value == () or value == "":
            continue
        payload = lens.put({doc.name: value}, None, shown)
        if payload.complaints:
            silent.append(value)
        elif payload.values.get(info.path) is not None:
            values.append(payload.values[info.path])
    return values, silent


def _check_choices(found: Misfits, info: FieldInfo, doc: FieldDoc, values: list[Any]) -> None:
    if not doc.table and not doc.definition.choices and doc.definition.kind is not Kind.BOOLEAN:
        if not doc.definition.many:
            said = f"any {doc.definition.kind} written to {info.path}, which offers {len(info.choices)} choices"
            found.warnings.append(("path", said, "a table of its choices", "Add a `table`, or say `direction: in`"))
        return
    texts = [text_of(item) for value in values for item in (value if isinstance(value, list) else [value])]
    stray = list(dict.fromkeys(text for text in texts if text and text not in info.choices))
    if stray:
        said = f"{_named(stray)} written to {info.path}, which does not offer it"
        key = "write_table" if any(text_of(v) in stray for v in doc.write_table.values()) else "table"
        found.complaints.append((key if doc.table else "path", said, "its choices", nearest(stray[0], info.choices)))


def _check_form(found: Misfits, info: FieldInfo, doc: FieldDoc, values: list[Any]) -> None:
    form = form_of(info)
    takes = _TAKES.get(form) if form is not None else None
    if takes is None or doc.definition.many:
        return
    refused = [value for value in values if not takes(value)]
    if len(refused) == len(values) or (refused and not doc.free and doc.definition.kind is Kind.TEXT):
        said = f'"{info.path}", which is of type {info.type} there'
        mend = f"{_mend(doc)}, or say `direction: in`"
        found.complaints.append(("path", said, f"a field that takes {_kind(doc)}", mend))


def _check_length(found: Misfits, info: FieldInfo, doc: FieldDoc, values: list[Any]) -> None:
    if info.max_length is None or form_of(info) in (Form.NUMBER, Form.FLAG, Form.DAY, Form.MOMENT):
        return
    most = _longest(doc, values)
    if most <= info.max_length:
        return
    said = f"texts of up to {most} characters written to {info.path}"
    expected = f"at most {info.max_length}"
    if doc.definition.many:
        found.warnings.append(("path", f"a set written to {info.path}", f"{expected} characters in all", ""))
        return
    key = "max_length" if doc.max_length else "path"
    mend = "Shorten what the table writes" if doc.table else f"Say `max_length: {info.max_length}`"
    found.complaints.append((key, said, expected, mend))


def _longest(doc: FieldDoc, values: list[Any]) -> int:
    """How long a written text may be, as far as the document bounds it."""
    written = max((len(value) for value in values if isinstance(value, str)), default=0)
    if doc.table and doc.on_unknown != "pass":
        return written
    if doc.definition.many:
        return kinds.MAX_ELEMENT * kinds.MAX_ELEMENTS
    if not doc.free and doc.definition.kind not in kinds.TEXTUAL:
        return written
    added = sum(len(str(args["prefix"])) for name, args in doc.transform if name == "remove_prefix")
    bound = kinds.MAX_EMAIL if doc.definition.kind is Kind.EMAIL else kinds.MAX_TEXT
    if "phone" in doc.normalise:
        bound = 40
    most = doc.composite.max_length if doc.composite is not None else doc.max_length
    return min(most or bound, bound) + added
