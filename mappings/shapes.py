"""Shapes of documents as data: one description serves the checker, the complaints and the JSON Schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hub.errors import Complaint
from mappings.tree import MAX_COMPLAINTS, Node, text_of

Place: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `choices` closes it, `pattern` must match the whole of it and is told in words by `form`."""

    form: str = "a text"
    choices: tuple[str, ...] = ()
    pattern: str = ""
    max_length: int = 500
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Boolean:
    form: str = "true or false"


@dataclass(frozen=True, slots=True)
class Integer:
    least: int = 0
    most: int = 1_000_000
    form: str = "a whole number"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number, boolean or null."""

    form: str = "a single value"
    null: bool = True
    max_length: int = 500


@dataclass(frozen=True, slots=True)
class OneOf:
    """A single value of one of several forms."""

    forms: tuple[Text | Integer, ...]
    form: str


@dataclass(frozen=True, slots=True)
class Anything:
    """Plain JSON of any form (examples)."""

    form: str = "any value"


@dataclass(frozen=True, slots=True)
class ListOf:
    item: Shape
    least: int = 0
    most: int = 200
    form: str = "a list"


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with free keys; `keys` is the shape of a key, `scalar_keys` admits keys that aren't texts."""

    value: Shape
    keys: Text = Text()
    scalar_keys: bool = False
    most: int = 500
    form: str = "a mapping"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of an object: its shape, whether it must be there, and what it means in a sentence."""

    shape: Shape
    about: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with a closed set of keys. `former`: keys of older versions of the language, and what says it now."""

    keys: Mapping[str, Key]
    form: str = "a mapping"
    former: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes, told apart by the form of what stands there: single value, list or mapping."""

    form: str
    scalar: Shape | None = None
    many: Shape | None = None
    mapping: Shape | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping of one key, the name of something, to its settings (a transform with arguments)."""

    choices: Mapping[str, Shape]
    form: str
    about: Mapping[str, str] = field(default_factory=dict)
    """What each means in a sentence, for editors."""


@dataclass(frozen=True, slots=True)
class Again:
    """A reference to a shape by name, for shapes that contain themselves. Looked up in `RECURSIVE`."""

    name: str


Shape: TypeAlias = (
    Text | Boolean | Integer | Scalar | OneOf | Anything | ListOf | MapOf | Object | Either | Named | Again
)
RECURSIVE: dict[str, Shape] = {}


def nearest(word: str, words: Iterable[str]) -> str:
    """`Did you mean "x"?`, or the valid words when there are few and none is near."""
    known = [str(w) for w in words]
    close = difflib.get_close_matches(word[:80], known, n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"Valid words: {', '.join(sorted(known))}" if 0 < len(known) <= 30 else ""


def quoted(value: object) -> str:
    """A value as a complaint quotes it: short, on one line, with its type where that may surprise."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"a mapping with {len(value)} keys"
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "..."
        return ascii(text).replace("'", '"') if not text.isprintable() else f'"{text}"'
    return text_of(value)


@dataclass(slots=True)
class Checker:
    """Checks a tree against a shape. Gathers every complaint, and the line of every place it has been to."""

    file: str
    complaints: list[Complaint] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)
    bad: set[Place] = field(default_factory=set)
    renamed: dict[Place, Place] = field(default_factory=dict)
    """Places that an upgrade moved, and where they stand in the author's text."""

    def sound(self, place: Place) -> bool:
        """Whether nothing at or below a place was complained of."""
        return place not in self.bad

    def complain(self, place: Place, said: str, expected: str, mend: str = "") -> None:
        self.bad.update(place[:end] for end in range(len(place) + 1))
        if len(self.complaints) >= MAX_COMPLAINTS:
            return
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        path = ".".join(part[:60] for part in self.renamed.get(place, place))
        where = f"{self.file}:{self.lines.get(known, 1)}"
        self.complaints.append(Complaint(f"{where} {path}" if path else where, said, expected, mend))

    def check(self, node: Node, shape: Shape, place: Place = ()) -> Any:
        """The plain value, without the parts that don't fit; each of those has a complaint."""
        self.lines.setdefault(place, node.line)
        if isinstance(shape, Again):
            shape = RECURSIVE[shape.name]
        if isinstance(shape, Either):
            return self._either(node, shape, place)
        if isinstance(shape, (Object, MapOf, Named)):
            if not isinstance(node.value, dict):
                self._misfit(node, shape.form, place)
                return None
            if isinstance(shape, Object):
                return self._object(node, shape, place)
            return self._map(node, shape, place) if isinstance(shape, MapOf) else self._named(node, shape, place)
        if isinstance(shape, ListOf):
            return self._list(node, shape, place)
        if isinstance(shape, Anything):
            return _json(node)
        assert not isinstance(shape, Again), "a reference names a shape, not another reference"
        return self._scalar(node, shape, place)

    def _misfit(self, node: Node, form: str, place: Place) -> None:
        self.complain(place, quoted(node.value), form)

    def _either(self, node: Node, shape: Either, place: Place) -> Any:
        if isinstance(node.value, dict):
            chosen = shape.mapping
        elif isinstance(node.value, list):
            chosen = shape.many
        else:
            chosen = shape.scalar
        if chosen is None:
            self._misfit(node, shape.form, place)
            return None
        return self.check(node, chosen, place)

    def _object(self, node: Node, shape: Object, place: Place) -> dict[str, Any]:
        assert isinstance(node.value, dict)
        made: dict[str, Any] = {}
        for name, entry in node.value.items():
            here = (*place, name)
            self.lines[here] = entry.line
            key = shape.keys.get(name)
            if key is None:
                mend = f"Say {shape.former[name]}" if name in shape.former else nearest(name, shape.keys)
                self.complain(here, f"the unknown key {quoted(entry.key)}", shape.form, mend)
                continue
            before = len(self.complaints)
            value = self.check(entry.node, key.shape, here)
            if len(self.complaints) == before or value is not None:
                made[name] = value
        for name, key in shape.keys.items():
            if key.required and name not in node.value:
                self.complain(place, f"no key {name!r}", f"{name}: {key.about or 'a value'}")
        return made

    def _map(self, node: Node, shape: MapOf, place: Place) -> dict[Any, Any]:
        assert isinstance(node.value, dict)
        made: dict[Any, Any] = {}
        if len(node.value) > shape.most:
            self.complain(place, f"{len(node.value)} keys", f"at most {shape.most}")
            return made
        for name, entry in node.value.items():
            here = (*place, name)
            self.lines[here] = entry.line
            if not isinstance(entry.key, str) and not shape.scalar_keys:
                self.complain(here, f"the key {quoted(entry.key)}", f"{shape.keys.form} (quote it)")
            elif isinstance(entry.key, str) and not self._text_fits(entry.key, shape.keys):
                mend = nearest(name, shape.keys.choices) if shape.keys.choices else ""
                self.complain(here, f"the key {quoted(entry.key)}", shape.keys.form, mend)
            else:
                made[entry.key] = self.check(entry.node, shape.value, here)
        return made

    def _named(self, node: Node, shape: Named, place: Place) -> tuple[str, Any] | None:
        assert isinstance(node.value, dict)
        if len(node.value) != 1:
            self._misfit(node, shape.form, place)
            return None
        name, entry = next(iter(node.value.items()))
        here = (*place, name)
        self.lines[here] = entry.line
        if name not in shape.choices:
            self.complain(here, quoted(entry.key), shape.form, nearest(name, shape.choices))
            return None
        return name, self.check(entry.node, shape.choices[name], here)

    def _list(self, node: Node, shape: ListOf, place: Place) -> list[Any] | None:
        if not isinstance(node.value, list):
            self._misfit(node, shape.form, place)
            return None
        if not shape.least <= len(node.value) <= shape.most:
            bounds = f"{shape.form} of {shape.least} to {shape.most}"
            self.complain(place, f"a list of {len(node.value)}", bounds)
            return None
        return [self.check(item, shape.item, (*place, str(index))) for index, item in enumerate(node.value)]

    def _scalar(self, node: Node, shape: Text | Boolean | Integer | Scalar | OneOf, place: Place) -> Any:
        value = node.value
        if isinstance(shape, OneOf):
            if any(self._text_fits(value, f) if isinstance(f, Text) else _whole(value, f) for f in shape.forms):
                return value
            self.complain(place, quoted(value), shape.form)
            return None
        if isinstance(shape, Text):
            if isinstance(value, str) and self._text_fits(value, shape):
                return value
            mend = nearest(value, shape.choices) if isinstance(value, str) and shape.choices else ""
            if not isinstance(value, (str, list, dict)) and value is not None and not shape.choices:
                mend = "Quote it if the text is meant"
            self.complain(place, quoted(value), shape.form, mend)
            return None
        fits = (
            (isinstance(shape, Boolean) and isinstance(value, bool))
            or (isinstance(shape, Integer) and _whole(value, shape))
            or (isinstance(shape, Scalar) and _scalar_fits(value, shape))
        )
        if fits:
            return value
        bounded = isinstance(shape, Integer) and shape.least < shape.most
        self.complain(place, quoted(value), f"{shape.form} {_bounds(shape)}" if bounded else shape.form)
        return None

    def _text_fits(self, text: object, shape: Text) -> bool:
        if not isinstance(text, str) or len(text) > shape.max_length or (not text and not shape.empty):
            return False
        if shape.choices:
            return text in shape.choices
        return not shape.pattern or re.fullmatch(shape.pattern, text) is not None


def _bounds(shape: Shape) -> str:
    return f"from {shape.least} to {shape.most}" if isinstance(shape, Integer) else ""


def _whole(value: object, shape: Integer) -> bool:
    return type(value) is int and shape.least <= value <= shape.most


def _scalar_fits(value: object, shape: Scalar) -> bool:
    if value is None:
        return shape.null
    if isinstance(value, str):
        return len(value) <= shape.max_length
    return isinstance(value, (bool, int, float))


def _json(node: Node) -> Any:
    if isinstance(node.value, list):
        return [_json(item) for item in node.value]
    if isinstance(node.value, dict):
        return {name: _json(entry.node) for name, entry in node.value.items()}
    return node.value
