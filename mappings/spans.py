"""Where the values of a document stand in its text: from what character to what character, in what style.

Read by the same YAML reader as documents are; only for texts that `mappings.tree.read` takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, SequenceNode

from hub.domain.values import Scalar
from mappings.tree import scalar, text_of


@dataclass(slots=True)
class Span:
    """One value. `start` and `end` are places in the text; `end` is behind its last character, without comments and
    blank lines behind it. `column` is where it begins in its line. `flow`: written with brackets, as are all in it."""

    start: int
    end: int
    column: int
    flow: bool
    value: Content


@dataclass(slots=True)
class KeySpan:
    """One `key: value`; `start` is where the key begins, `after` the place behind it."""

    name: str
    start: int
    after: int
    column: int
    span: Span


Content: TypeAlias = Scalar | list[Span] | list[KeySpan] | None


@dataclass(slots=True)
class _Reader:
    text: str
    open: list[bool] = field(default_factory=list)

    def span(self, node: Any, floor: int) -> Span:
        """`floor`: the end of the key before it, where an empty value stands."""
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, MappingNode):
            keys = [self.key(key, value) for key, value in node.value]
            last = max((entry.span.end for entry in keys), default=end)
            flow = bool(node.flow_style)
            return Span(start, end if flow else last, node.start_mark.column, flow, keys)
        if isinstance(node, SequenceNode):
            flow = bool(node.flow_style)
            items = [self.span(item, start) for item in node.value]
            last = max((item.end for item in items), default=end)
            return Span(start, end if flow else last, node.start_mark.column, flow, items)
        if start == end and not node.style:  # nothing is written there
            return Span(floor, floor, node.start_mark.column, False, None)
        if node.style in ("|", ">"):
            end = start + len(self.text[start:end].rstrip())
        return Span(start, end, node.start_mark.column, False, scalar(node.value, node.style is not None))

    def key(self, key: Any, value: Any) -> KeySpan:
        after = key.end_mark.index
        colon = self.text.index(":", after) + 1
        name = text_of(scalar(key.value, key.style is not None))
        return KeySpan(name, key.start_mark.index, colon, key.start_mark.column, self.span(value, colon))


def spans(text: str) -> Span:
    """The spans of a document's text."""
    node = YAML(typ="safe", pure=True).compose(text)
    return _Reader(text).span(node, 0)
