"""Reads YAML into a tree that knows its lines, from the parser's events, so that nothing is built or expanded unseen.

Anchors, aliases, tags, merge keys, duplicate keys, several documents and anything beyond the bounds are complaints.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from hub.domain.values import Scalar
from hub.errors import Complaint

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_NODES = 20_000
MAX_COMPLAINTS = 100

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,40}\.[0-9]{0,40}|\.[0-9]{1,40}|[0-9]{1,40}(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(slots=True)
class Entry:
    """One `key: value` of a mapping; `key` as YAML reads it, which need not be a text."""

    key: Scalar
    line: int
    node: Node


@dataclass(slots=True)
class Node:
    """A scalar, a list of nodes or a mapping of the keys' text forms to entries."""

    line: int
    value: Content


Content: TypeAlias = Scalar | list[Node] | dict[str, Entry]


def text_of(value: object) -> str:
    """The text form under which remote values and table keys are compared: `true`, `12`, `1.5`, the text itself."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def plain(node: Node) -> Any:
    """The node as plain Python values; keys keep the form YAML gave them."""
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        return {entry.key: plain(entry.node) for entry in node.value.values()}
    return node.value


@dataclass(slots=True)
class _Builder:
    file: str
    complaints: list[Complaint] = field(default_factory=list)
    open: list[tuple[Node, list[Any]]] = field(default_factory=list)
    """Containers being filled; the list holds a mapping's key that waits for its value: (key, line)."""
    root: Node | None = None
    nodes: int = 0

    def complain(self, line: int, said: str, expected: str, mend: str = "") -> None:
        if len(self.complaints) < MAX_COMPLAINTS:
            self.complaints.append(Complaint(f"{self.file}:{line}", said, expected, mend))

    def add(self, node: Node) -> None:
        self.nodes += 1
        if not self.open:
            self.root = node
            return
        parent, waiting = self.open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict):
            if not waiting:
                waiting.append(self.key(node))
            else:
                key, line = waiting.pop()
                self.put(parent.value, key, line, node)

    def key(self, node: Node) -> tuple[Scalar, int]:
        if isinstance(node.value, (list, dict)):
            self.complain(node.line, "a key that is a list or a mapping", "a plain word as key")
            return None, node.line
        if node.value == "<<":
            self.complain(node.line, "a merge key `<<`", "every key written out")
        return node.value, node.line

    def put(self, content: dict[str, Entry], key: Scalar, line: int, node: Node) -> None:
        name = text_of(key)
        if name in content:
            first = content[name].line
            self.complain(line, f"the key {name[:60]!r} twice", f"each key once (first on line {first})")
        content[name] = Entry(key, line, node)


def scalar(text: str, quoted: bool) -> Scalar:
    """A scalar by the YAML 1.2 core schema, without octal, hexadecimal, infinity and dates, which stay texts."""
    if quoted:
        return text
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def read(source: bytes | str, file: str) -> tuple[Node | None, tuple[Complaint, ...]]:
    """The tree of a document, or None with complaints. `file` is only named in complaints."""
    text = _decode(source, file)
    if isinstance(text, Complaint):
        return None, (text,)
    builder = _Builder(file)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if not _take(builder, event):
                return None, tuple(builder.complaints)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        builder.complain(line, f"YAML that cannot be read ({error.problem or error.context})", "well-formed YAML 1.2")
        return None, tuple(builder.complaints)
    except (YAMLError, ValueError, IndexError, KeyError, TypeError, AttributeError, AssertionError, RecursionError):
        # The parser's own slips on mutilated input; it names no place then.
        builder.complain(1, "YAML that cannot be read", "well-formed YAML 1.2")
        return None, tuple(builder.complaints)
    if builder.root is None:
        builder.complain(1, "an empty document", "a document with keys")
    return (None if builder.complaints else builder.root), tuple(builder.complaints)


def _decode(source: bytes | str, file: str) -> str | Complaint:
    size = len(source)
    if size > MAX_BYTES:
        return Complaint(f"{file}:1", f"a document of {size} bytes", f"at most {MAX_BYTES}")
    if isinstance(source, str):
        text = source
    else:
        try:
            text = source.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = source[: error.start].count(b"\n") + 1
            return Complaint(f"{file}:{line}", f"byte {error.start}, which is not UTF-8", "a document in UTF-8")
    for number, line_text in enumerate(text.split("\n"), 1):
        indent = line_text[: len(line_text) - len(line_text.lstrip())]
        if "\t" in indent:
            return Complaint(f"{file}:{number}", "a tab in the indentation", "spaces")
    return text


def _take(builder: _Builder, event: Any) -> bool:
    """Takes one event; False when there is no sense in going on."""
    line = event.start_mark.line + 1 if event.start_mark else 1
    if isinstance(event, AliasEvent):
        builder.complain(line, f"an alias *{str(event.anchor)[:40]}", "the value written out")
        return False
    if isinstance(event, DocumentStartEvent) and builder.root is not None:
        builder.complain(line, "a second document in one file", "one document per file")
        return False
    if isinstance(event, (ScalarEvent, SequenceStartEvent, MappingStartEvent)):
        if event.anchor is not None:
            builder.complain(line, f"an anchor &{str(event.anchor)[:40]}", "no anchors: each value written out")
        if event.tag is not None:
            builder.complain(line, f"a tag {str(event.tag)[:40]}", "plain values without tags")
        if builder.nodes >= MAX_NODES or len(builder.open) >= MAX_DEPTH:
            builder.complain(line, "too many or too deeply nested values", f"{MAX_NODES} values, {MAX_DEPTH} levels")
            return False
    if isinstance(event, ScalarEvent):
        if not event.value.isascii() and any("\ud800" <= c <= "\udfff" for c in event.value):
            builder.complain(line, "half of a surrogate pair", "whole characters")
            return False
        builder.add(Node(line, scalar(event.value, event.style is not None)))
    elif isinstance(event, (SequenceStartEvent, MappingStartEvent)):
        node = Node(line, [] if isinstance(event, SequenceStartEvent) else {})
        builder.add(node)
        builder.open.append((node, []))
    elif isinstance(event, (SequenceEndEvent, MappingEndEvent)):
        builder.open.pop()
    return True
