"""Awkward values to try mappings out with: none is a person's, and each run has the same ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub.domain.entities import Kind
from hub.domain.values import Value
from mappings.clauses import Document, FieldDoc
from mappings.compile import compiled
from mappings.conversions import TRANSFORMS
from mappings.currencies import is_code
from mappings.lens import Lens
from mappings.paths import merged

LONG = "x" * 10_000
TEXTS: tuple[Any, ...] = (
    *(
        "Anna",
        "anna",
        "ANNA",
        " Anna ",
        "Anna Maria Smith",
        "O'Brien",
        "'quoted",
        " 'quoted",
        "Zoë",
        "Zoe\u0308",
        "Straße",
        "😀 Anna",
    ),
    *(
        "שלום",
        "محمد علي",
        "李小龍",
        "a  b",
        "a;b, c|d",
        "<b>x</b>",
        "tel:1",
        "012",
        "12",
        "1.50",
        "true",
        "null",
        "x\ny",
    ),
    *("2026-01-31", "Germany", "de", "Atlantis", " ", ""),
)
MAILS: tuple[Any, ...] = (
    *("anna@x.example", " Anna@X.example", "o'brien+tag@x.example", "info@x.example", "ü@exämple.example", "no mail"),
    *("a@x.example;b@x.example", "@", ""),
)
PHONES: tuple[Any, ...] = (
    *("+14155550100", "(415) 555-0100", "+49 30 1234567", "030 1234567", "+44 20 7946 0018 x12", "ask", "112"),
    *("'+14155550100", ""),
)
NUMBERS: tuple[Any, ...] = (
    *(
        0,
        1,
        -1,
        12,
        12.5,
        0.1,
        1e-7,
        12345678901,
        10**15,
        1234567,
        "12",
        "12.50",
        "1.234,5",
        "1,5",
        "1 000",
        "-3",
        "1e3",
    ),
    *(True, "soon", ""),
)
FLAGS: tuple[Any, ...] = (True, False, 0, 1, "true", "False", "yes", "No", "Y", "N", "on", "maybe", "")
TIMES: tuple[Any, ...] = (
    *("2026-01-31", "2026-02-30", "31.1.2026", "01/31/2026", "2026-01-31T08:00:00.000+0100", "2026-01-31 09:05:06"),
    *("2026-01-31T23:30:00.123Z", "1/31/2026 9:05 PM", 1769846400000, 1769846400, "0", "soon", "0999-01-01", ""),
)
ODD: tuple[Any, ...] = (None, [], {}, ["Anna"], {"a": {"b": []}}, [None, ["x"]], True, 3.75, -(2**63), LONG)
"""What no field expects."""

_REMOTE: dict[Kind, tuple[Any, ...]] = {
    Kind.TEXT: TEXTS,
    Kind.ENUM: TEXTS,
    Kind.EMAIL: MAILS,
    Kind.PHONE: PHONES,
    Kind.BOOLEAN: FLAGS,
    Kind.INTEGER: NUMBERS,
    Kind.MONEY: NUMBERS,
    Kind.NUMBER: NUMBERS,
    Kind.DATE: TIMES,
    Kind.DATETIME: TIMES,
    Kind.TEXT_SET: (*TEXTS, *MAILS, "a;b;;A", ["b", "a", "b"], [], [1, None, "c"], ","),
}
_CANONICAL: dict[Kind, tuple[Value, ...]] = {
    Kind.TEXT: (
        "Anna",
        "ANNA",
        "O'Brien",
        "Zoë",
        "Zoe\u0308",
        "Straße",
        "😀",
        "שלום",
        "a  b",
        "012",
        "true",
        "DE",
        "x\ny",
    ),
    Kind.EMAIL: ("anna@x.example", "Anna@X.example", "o'brien+tag@x.example"),
    Kind.PHONE: ("+14155550100", "+49301234567", "+442079460018;ext=12"),
    Kind.BOOLEAN: (True, False),
    Kind.INTEGER: (0, 1, -1, 12345678901),
    Kind.MONEY: (0, 1, 100, 1250, 123456789),
    Kind.NUMBER: (0, 1, -1.5, 0.1, 12.5, 1234567.89),
    Kind.DATE: ("2026-01-31", "2024-02-29", "1970-01-01"),
    Kind.DATETIME: ("2026-01-31T08:00:00.000Z", "2026-01-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"),
    Kind.TEXT_SET: ((), ("a",), ("a", "b"), ("anna@x.example", "b@x.example"), ("+14155550100",), ("A", "a")),
}


def remote(field: FieldDoc) -> tuple[Any, ...]:
    """What a remote may show at a field's path: the table's words, words beside it, and what its kind makes likely."""
    words = [remote for _, remote, _ in field.table]
    made: list[Any] = [*words, *(f" {word}" for word in words if isinstance(word, str))]
    made += field.write_table.values()
    made += field.definition.choices
    for _, args in field.transform:
        made += [said for said in args.values() if isinstance(said, (str, int, float, bool))]
    made += TEXTS[:4] if field.table else _REMOTE[field.definition.kind]
    if field.compute is not None:
        made += [*TEXTS, *NUMBERS, *FLAGS, *TIMES]
    elif field.free:
        made += [*NUMBERS, *FLAGS]
    return (*made, None)


def canonical(field: FieldDoc) -> tuple[Value, ...]:
    """Canonical values of a field's kind; of a table those that it names."""
    if field.definition.choices:
        return field.definition.choices
    if field.table:
        return tuple(dict.fromkeys([*(value for _, _, value in field.table), *field.write_table]))
    plain = _CANONICAL[field.definition.kind]
    return (*plain, 12, 12.5, True) if field.free else plain


def beside(field: FieldDoc) -> dict[str, Any]:
    """A record that shows nothing but what a field's steps look at beside its own paths: a currency, a country."""
    raw = {} if field.country.path is None else merged({}, {field.country.path: "US"})
    for name, args in field.transform:
        for arg in TRANSFORMS[name].args:
            said = args.get(arg.name)
            if arg.path and isinstance(said, str) and not is_code(said):
                raw = merged(raw, {said: "EUR"})
    return raw


def paths_of(field: FieldDoc) -> tuple[str, ...]:
    """The paths that a field is read from, or computed of."""
    return field.paths if field.compute is None else field.compute.reads


def record(field: FieldDoc, value: Any) -> dict[str, Any]:
    """A record that shows `value` at every path of a field, and what its steps look at beside it."""
    raw = beside(field)
    for path in paths_of(field):
        head, every, tail = path.partition("[]")
        if every:
            items = value if isinstance(value, list) else [value]
            raw = merged(
                raw, {head: [merged({}, {tail.lstrip(".").replace("[]", ""): i}) if tail else i for i in items]}
            )
        else:
            raw = merged(raw, {path: value})
    return raw


def only(document: Document, *names: str) -> Lens:
    """The lens of some fields of a document, without its keys, consent and scope."""
    fields = tuple(field for field in document.fields if field.name in names)
    return compiled(replace(document, fields=fields, match=(), consent=(), scope=(), when=None))
