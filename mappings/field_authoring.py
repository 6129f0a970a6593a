"""Builds the fields of a document: defaults by kind, and what cannot be written back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hub.domain.entities import EntityDef, FieldDef, Kind
from hub.domain.policy import Compare, Direction, Weight
from hub.domain.values import Scalar
from mappings import countries, kinds
from mappings.clauses import Country, FieldDoc
from mappings.computed_authoring import build_compute
from mappings.conversions import TRANSFORMS
from mappings.misfit import Misfit
from mappings.normalisers import NORMALISERS
from mappings.paths import is_single
from mappings.shapes import Checker, Place, quoted
from mappings.transforms import BadArgument, settings
from mappings.tree import text_of

_TEXTS = frozenset({*kinds.TEXTUAL, Kind.ENUM})
_WITH_CONSTANT = frozenset({"constant", "direction", "weight", "compare", "kind"})
_NOT_COMPUTED = frozenset({"path", "constant", "join", "split", "write_table", "overwrite", "part"})


@dataclass(slots=True)
class _Field:
    """A field while it is built."""

    checker: Checker
    place: Place
    entity: EntityDef
    definition: FieldDef
    said: dict[str, Any]
    free: bool

    def complain(self, key: str, said: str, expected: str, mend: str = "") -> None:
        self.checker.complain((*self.place, key) if key else self.place, said, expected, mend)

    @property
    def textual(self) -> bool:
        return self.free or self.definition.kind in _TEXTS


def build_field(checker: Checker, entity: EntityDef, name: str, said: object) -> FieldDoc | None:
    """A field of checked shape; None when it has no sense at all."""
    definition = entity.field(name)
    if definition is None or said is None:
        return None
    place = ("fields", name)
    settings_ = {"path": said} if isinstance(said, str) else said if isinstance(said, dict) else {}
    free = name not in entity.fields and "kind" not in settings_
    if "kind" in settings_:
        if name in entity.fields:
            checker.complain((*place, "kind"), f"a kind for {name}", "no kind: only custom fields have one")
        else:
            definition = FieldDef(name, Kind(settings_["kind"]), definition.title)
    field = _Field(checker, place, entity, definition, settings_, free)
    sources = [key for key in ("path", "constant", "compute") if key in settings_]
    if len(sources) != 1:
        field.complain("", " and ".join(sources) or "no path", "a path or a constant, or compute")
        return None
    if "reads" in settings_ and sources != ["compute"]:
        field.complain("reads", "reads alone", "reads beside compute")
    return {"path": _mapped, "constant": _constant, "compute": _computed}[sources[0]](field)


def _constant(field: _Field) -> FieldDoc | None:
    for key in field.said:
        if key not in _WITH_CONSTANT:
            field.complain(key, f"{key} beside a constant", f"only {', '.join(sorted(_WITH_CONSTANT))}")
    if field.said.get("direction", "in") != "in":
        field.complain("direction", f"{field.said['direction']} for a constant", "in: a constant cannot be written")
    value = _canonical(field, "constant", field.said["constant"])
    return FieldDoc(
        field.definition.name,
        field.definition,
        field.free,
        constant=value,
        compare=Compare(field.said.get("compare", Compare.EXACT)),
        direction=Direction.IN,
        weight=Weight(field.said.get("weight", Weight.RANKED)),
    )


def _computed(field: _Field) -> FieldDoc | None:
    said = field.said
    for key in sorted(_NOT_COMPUTED & said.keys()):
        field.complain(key, f"{key} beside compute", "what shapes a value when it is read, and nothing else")
    if said.get("direction", "in") != "in":
        field.complain("direction", f"{said['direction']} for a computed value", "in: it cannot be written back")
    doc = build_compute(
        field.checker, field.place, said["compute"], as_paths(said.get("reads")), many=field.definition.many
    )
    return None if doc is None else replace(_mapped(field), direction=Direction.IN, compute=doc)


def _canonical(field: _Field, key: str, value: Scalar) -> Scalar:
    """A value that the author says is canonical, checked by the field's kind."""
    if value is None:
        return None
    try:
        found = kinds.reader(field.definition, None, free=field.free)(value)
    except Misfit as misfit:
        field.checker.complain((*field.place, *key.split(".")), quoted(value), misfit.expected)
        return None
    return None if isinstance(found, tuple) else found


def _mapped(field: _Field) -> FieldDoc:
    said = field.said
    paths = as_paths(said.get("path"))
    normalise = tuple(said.get("normalise", ["trim"] if field.textual else []))
    transform = _transforms(field)
    _check_forms(field, paths, normalise)
    return FieldDoc(
        field.definition.name,
        field.definition,
        field.free,
        paths,
        None,
        said.get("join"),
        said.get("split"),
        normalise,
        transform,
        _table(field),
        _write_table(field),
        *_on_unknown(field),
        as_country(field.checker, (*field.place, "country"), said.get("country")),
        _compare(field, normalise),
        said.get("empty", "keep"),
        _direction(field, paths, transform),
        Weight(said.get("weight", Weight.RANKED)),
        said.get("overwrite") is False,
        said.get("part", ""),
        said.get("max_length"),
    )


def as_paths(said: object) -> tuple[str, ...]:
    if isinstance(said, str):
        return (said,)
    return tuple(path for path in said if isinstance(path, str)) if isinstance(said, list) else ()


def as_country(checker: Checker, place: Place, said: object) -> Country:
    region = said if isinstance(said, str) else said.get("default") if isinstance(said, dict) else None
    if region is not None and region not in countries.NAMES:
        checker.complain(place, f'"{region}"', "a country code (ISO 3166 alpha-2) such as US or DE")
    return Country(region, said.get("path") if isinstance(said, dict) else None)


def _transforms(field: _Field) -> tuple[tuple[str, dict[str, Any]], ...]:
    steps: list[tuple[str, dict[str, Any]]] = []
    for index, said in enumerate(field.said.get("transform", ())):
        name, given = (said, None) if isinstance(said, str) else said
        transform = TRANSFORMS[name]
        args = settings(transform, given)
        try:
            transform.forward(args)
            if transform.inverse is not None:
                transform.inverse(args)
        except BadArgument as bad:
            where = (*field.place, "transform", str(index), name, bad.name)
            field.checker.complain(where, quoted(args.get(bad.name)), bad.expected)
        steps.append((name, args))
    return tuple(steps)


def _check_forms(field: _Field, paths: tuple[str, ...], normalise: tuple[str, ...]) -> None:
    said, many = field.said, field.definition.many
    if len(set(paths)) < len(paths):
        field.complain("path", "a path twice", "each path once")
    if not many and "split" in said:
        field.complain("split", "split on a single value", "split only on sets", "The transform `take` takes one part")
    if "join" in said and (many or len(paths) < 2):
        field.complain("join", "join", "several paths of a field that isn't a set")
    if "write_table" in said and "table" not in said:
        field.complain("write_table", "a write_table alone", "a table beside it")
    if "on_unknown" in said and "table" not in said:
        field.complain("on_unknown", "on_unknown alone", "a table beside it")
    if "country" in said and "phone" not in normalise:
        field.complain("country", "a country", "the normaliser phone beside it")
    if normalise and not field.textual:
        field.complain("normalise", f"normalisers for a {field.definition.kind}", "a transform, or none")
    if many and said.get("compare", Compare.SET) != Compare.SET:
        field.complain("compare", said["compare"], "set, for a set field")
    if not many and said.get("compare") == Compare.SET:
        field.complain("compare", "set", "set only for set fields")
    if "max_length" in said and not field.textual:
        field.complain("max_length", f"a length for a {field.definition.kind}", "a length only for texts")


def _table(field: _Field) -> tuple[tuple[str, Scalar, Scalar], ...]:
    rows: list[tuple[str, Scalar, Scalar]] = []
    for remote, value in (field.said.get("table") or {}).items():
        canonical = _canonical(field, "table", value)
        if canonical is None and value is None:
            field.complain("table", f"{quoted(remote)}: null", "a canonical value")
        rows.append((text_of(remote), remote, canonical))
    return tuple(rows)


def _write_table(field: _Field) -> dict[str, Scalar]:
    made: dict[str, Scalar] = {}
    for canonical, remote in (field.said.get("write_table") or {}).items():
        _canonical(field, "write_table", canonical)
        made[text_of(canonical)] = remote
    return made


def _on_unknown(field: _Field) -> tuple[str, Scalar]:
    said = field.said.get("on_unknown", "reject")
    if isinstance(said, str):
        return said, None
    return "default", _canonical(field, "on_unknown.default", said["default"])


def _compare(field: _Field, normalise: tuple[str, ...]) -> Compare:
    if "compare" in field.said:
        return Compare(field.said["compare"])
    if field.definition.many:
        return Compare.SET
    if "phone" in normalise:
        return Compare.PHONE
    if field.definition.kind is Kind.EMAIL or any(NORMALISERS[n].compare is Compare.CASEFOLD for n in normalise):
        return Compare.CASEFOLD
    if "table" in field.said or not normalise:
        return Compare.EXACT
    return Compare.TRIMMED


def _direction(field: _Field, paths: tuple[str, ...], transform: tuple[tuple[str, dict[str, Any]], ...]) -> Direction:
    """As said; `in` where the field cannot be written back, and a complaint where it is said to be."""
    why = ""
    for name, _ in transform:
        if TRANSFORMS[name].inverse is None:
            why = f"{name} cannot be undone"
    if not all(is_single(path) for path in paths):
        why = "a path with [] can only be read"
    elif field.definition.many and len(paths) > 1:
        why = "a set gathered from several paths cannot be written back"
    elif "join" in field.said and (transform or "table" in field.said or not field.said["join"]):
        why = "joined parts with a transform, a table or nothing between them cannot be taken apart"
    elif field.entity.name == "fact":
        why = "facts are only read"
    usual = Direction.IN if why or "join" in field.said else Direction.BOTH
    said = Direction(field.said.get("direction", usual))
    if why and said.writes:
        field.complain("direction", said.value, f"in: {why}")
    return said
