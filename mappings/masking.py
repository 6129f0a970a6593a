"""A real record made into one that tells nothing of the person, and that the mapping reads in the same way.

Only what the mapping reads is kept. Values that it reads through a table, as number or boolean, or compares with words
of its own stay as they are; days move by whole days; all else gets other letters and digits of the same form (see
`disguise.py`). The result is tried: it shows the same fields, misses and complaints of the same, and is in scope alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hub.domain.entities import Kind
from hub.domain.values import Value
from hub.errors import Complaint, Refused
from mappings import countries, currencies, kinds
from mappings.clauses import Condition, ConsentRead, Country, Document, FieldDoc
from mappings.compile import compiled
from mappings.conversions import TRANSFORMS
from mappings.disguise import Disguise, words
from mappings.form import region_of
from mappings.lens import Lens
from mappings.match_authoring import MODIFIED_AT, folded
from mappings.misfit import Misfit
from mappings.paths import Raw

ATTEMPTS = 30
_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.MONEY})
_LITERAL = re.compile(r"'([^'\\\n]*)'|\"([^\"\\\n]*)\"")


@dataclass(slots=True)
class _Role:
    """What the mapping does with the value at one path. `words`: whole values, `pieces`: parts of texts that it looks
    for itself (both folded); `forms`: date formats."""

    words: set[str] = field(default_factory=set)
    pieces: set[str] = field(default_factory=set)
    number: bool = False
    flag: bool = False
    day: bool = False
    forms: list[str] = field(default_factory=list)
    phones: list[Country] = field(default_factory=list)
    country: bool = False
    currency: bool = False
    split: list[str] = field(default_factory=list)


_Roles: TypeAlias = dict[str, _Role]


def masked(raw: Raw, document: Document, *, salt: str, lens: Lens | None = None) -> dict[str, Any]:
    """The record in disguise: the same for the same salt.

    `lens`: that of the document, where it is at hand. `Refused` when nothing was found that reads the same; then no
    part of the record is told.
    """
    return disguised(raw, document, salt=salt, lens=lens)[0]


def disguised(
    raw: Raw, document: Document, *, salt: str, lens: Lens | None = None, modified_at: str | None = None
) -> tuple[dict[str, Any], str | None]:
    """The record and its time in disguise, as `masked`."""
    lens = lens or compiled(document)
    roles = _roles(document)
    wanted = _structure(lens, raw, modified_at)
    taken = frozenset(_told(raw, roles))
    differing: set[str] = set()
    for attempt in range(ATTEMPTS):
        disguise = Disguise(salt, taken, attempt)
        made = _projected(raw, roles, disguise, raw)
        at = disguise.day(modified_at) if modified_at is not None else None
        found = _structure(lens, made, at)
        differing = {name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)}
        if not differing:
            return made, at
    names = ", ".join(sorted(differing)[:5])
    said = Complaint(document.where(), f"{names}, which reads otherwise in disguise", "a value that can be disguised")
    raise Refused("this record cannot be masked", mend="Take another record", complaints=(said,))


def _structure(lens: Lens, raw: Raw, modified_at: str | None) -> dict[str, object]:
    """What must stay: which fields are there, empty or complained of; values that are no person's; consent, scope."""
    reading = lens.get(raw, modified_at)
    found: dict[str, object] = {name: _shape(value) for name, value in reading.values.items()}
    found["complaints"] = frozenset(complaint.field for complaint in reading.complaints)
    found["consent"] = tuple(sorted((channel, said.state) for channel, said in reading.consent.items()))
    found["keys"] = frozenset(Counter(key.kind for key in reading.keys).items())
    found["scope"] = reading.in_scope
    return found


def _shape(value: Value) -> object:
    if isinstance(value, tuple):
        return "set", len(value)
    return value if isinstance(value, bool) or value is None or value == "" else value.__class__.__name__


# -- what the mapping does with a path ----------------------------------------------------------------------------


def _roles(document: Document) -> _Roles:
    roles: _Roles = {}
    for doc in document.fields:
        for path in doc.paths:
            _of_field(roles.setdefault(path, _Role()), doc)
        _around(roles, doc)
    for match in document.match:
        for path in (*match.paths, *match.name_from):
            roles.setdefault(path, _Role()).split += [match.split] if match.split else []
        if match.key == "phone_name" and match.paths:
            roles[match.paths[0]].phones.append(match.country)
        _country(roles, match.country)
    for consent in document.consent:
        for read in consent.reads:
            _of_consent(roles, read)
    _of_scope(roles, document.scope)
    if document.when is not None:
        _of_expression(roles, document.when.text, document.when.reads)
    return roles


def _of_field(role: _Role, doc: FieldDoc) -> None:
    kind = doc.definition.kind
    role.words |= {folded(text) for text, _, _ in doc.table} | {folded(choice) for choice in doc.definition.choices}
    role.number |= kind in _NUMBERS
    role.flag |= kind is Kind.BOOLEAN
    role.day |= kind in (Kind.DATE, Kind.DATETIME)
    if "phone" in doc.normalise:
        role.phones.append(doc.country)
    if doc.split:
        role.split.append(doc.split)
    role.country |= "country" in doc.normalise
    for name, args in doc.transform:
        role.country |= name == "country_name"
        role.forms += [args["format"]] if "format" in args else []
        role.words |= {folded(args[key]) for key in ("yes", "no") if key in args}
        role.pieces |= {folded(args["prefix"])} if name == "remove_prefix" else set()


def _around(roles: _Roles, doc: FieldDoc) -> None:
    """Paths that a field looks at beside its own."""
    _country(roles, doc.country)
    for name, args in doc.transform:
        for arg in TRANSFORMS[name].args:
            said = args.get(arg.name)
            if arg.path and isinstance(said, str) and not currencies.is_code(said):
                roles.setdefault(said, _Role()).currency = True
    if doc.compute is not None:
        _of_expression(roles, doc.compute.text, doc.compute.reads)
        for path in doc.compute.reads:
            roles[path].number |= doc.definition.kind in _NUMBERS


def _country(roles: _Roles, country: Country) -> None:
    if country.path is not None:
        roles.setdefault(country.path, _Role()).country = True


def _of_consent(roles: _Roles, read: ConsentRead) -> None:
    roles.setdefault(read.path, _Role()).words |= {*read.denied, *read.granted, *(read.none or ())} - {"*"}
    for path in (read.at, read.when):
        if path is not None and path != MODIFIED_AT:
            roles.setdefault(path, _Role()).day = True
    for path in (read.who.path, read.how.path):
        if path is not None:
            roles.setdefault(path, _Role())


def _of_scope(roles: _Roles, conditions: Iterable[Condition]) -> None:
    for condition in conditions:
        if condition.op == "any":
            _of_scope(roles, condition.any)
            continue
        role = roles.setdefault(condition.path, _Role())
        role.words |= condition.values
        role.pieces |= {condition.text} if condition.text else set()


def _of_expression(roles: _Roles, text: str, reads: Iterable[str]) -> None:
    """The texts that an expression names are the mapping's, not a person's."""
    literals = {folded(one or other) for one, other in _LITERAL.findall(text)} - {""}
    for path in reads:
        role = roles.setdefault(path, _Role())
        role.words |= literals
        role.pieces |= {literal for literal in literals if len(literal) > 1}


# -- the record ---------------------------------------------------------------------------------------------------


def _projected(raw: Raw, roles: _Roles, disguise: Disguise, whole: Raw) -> dict[str, Any]:
    """The paths that are read, with other values."""
    made: dict[str, Any] = {}
    deep: _Tree = {}
    for path, role in roles.items():
        if path in raw:
            made[path] = _value(raw[path], role, disguise, whole)
        else:
            _plant(deep, path.replace("[]", ".[]").split("."), role)
    for key, below in deep.items():
        if key in raw and key not in made:
            made[key] = _below(raw[key], below, disguise, whole)
    return made


_Tree: TypeAlias = dict[str, Any]
"""Steps of paths, one below the other; the role of a path that ends here is under ""."""


def _plant(tree: _Tree, steps: list[str], role: _Role) -> None:
    for step in steps:
        tree = tree.setdefault(step, {})
    tree[""] = role


def _below(found: Any, tree: _Tree, disguise: Disguise, whole: Raw) -> Any:
    if not isinstance(found, (Mapping, list)) or tree.keys() == {""}:
        return _value(found, tree.get("", _Role()), disguise, whole)
    if isinstance(found, Mapping):
        return {step: _below(found[step], tree[step], disguise, whole) for step in tree if step and step in found}
    if "[]" in tree:
        return [_below(item, tree["[]"], disguise, whole) for item in found]
    return [_below(item, tree[str(i)], disguise, whole) if str(i) in tree else None for i, item in enumerate(found)]


def _value(found: Any, role: _Role, disguise: Disguise, whole: Raw) -> Any:
    if isinstance(found, list):
        return [_value(item, role, disguise, whole) for item in found]
    if isinstance(found, Mapping):
        return {}
    if found is None or isinstance(found, bool) or _is_kept(found, role):
        return found
    if role.day:
        moved = disguise.day(found, role.forms)
        if moved is not None:
            return moved
    if not isinstance(found, str):
        return disguise.number(found) if isinstance(found, (int, float)) else None
    for separator in role.split:
        if separator in found:
            return separator.join(str(_value(piece, role, disguise, whole)) for piece in found.split(separator))
    for country in role.phones:
        number = disguise.phone(found, region_of(country)(whole))
        if number is not None:
            return number
    return disguise.text(found, frozenset(role.pieces))


def _is_kept(found: Any, role: _Role) -> bool:
    """Whether the value is no person's: a word of the mapping's own, a number, a country, nothing."""
    if isinstance(found, str) and not found.strip():
        return True
    if folded(found) in role.words:
        return True
    if role.number and not role.phones:
        try:
            return bool(currencies.decimal(found) is not None)
        except Misfit:
            return isinstance(found, str) and re.fullmatch(r"[-+\d.,' \u00a0]{1,40}", found) is not None
    if role.flag:
        try:
            return kinds.boolean(found) is not None
        except Misfit:
            return False
    if isinstance(found, str) and role.country and countries.code_of(found) is not None:
        return True
    return role.currency and isinstance(found, str) and currencies.is_code(found.strip().upper())


def _told(raw: Raw, roles: _Roles) -> Iterator[str]:
    """Every word of the record that must not come out: of all values that don't stay."""
    for role, found in _leaves(raw, roles):
        if isinstance(found, bool) or found is None or _is_kept(found, role):
            continue
        if role.day and Disguise("").day(found, role.forms) is not None:
            continue
        text = str(found)
        for piece in role.pieces:
            text = text.casefold().replace(piece, " ")
        yield from words(text)


def _leaves(raw: Raw, roles: _Roles) -> Iterator[tuple[_Role, Any]]:
    deep: _Tree = {}
    for path, role in roles.items():
        if path in raw:
            yield from ((role, leaf) for leaf in _scalars(raw[path]))
        else:
            _plant(deep, path.replace("[]", ".[]").split("."), role)
    for key, below in deep.items():
        if key in raw:
            yield from _under(raw[key], below)


def _under(found: Any, tree: _Tree) -> Iterator[tuple[_Role, Any]]:
    if not isinstance(found, (Mapping, list)) or tree.keys() == {""}:
        yield from ((tree.get("", _Role()), leaf) for leaf in _scalars(found))
    elif isinstance(found, Mapping):
        for step in tree:
            if step and step in found:
                yield from _under(found[step], tree[step])
    else:
        for index, item in enumerate(found):
            below = tree.get("[]", tree.get(str(index)))
            if below is not None:
                yield from _under(item, below)


def _scalars(found: Any) -> Iterator[Any]:
    if isinstance(found, list):
        for item in found:
            yield from _scalars(item)
    elif not isinstance(found, Mapping):
        yield found
