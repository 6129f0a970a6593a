"""Documents of older versions of the language, brought to the present one before they are checked.

Each step takes the tree of one version to the tree of the next and says what changed. The lines stay those of the
author's text; where a word moved, complaints name the place at which the author wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mappings.language import VERSION
from mappings.shapes import Checker, Place, quoted
from mappings.tree import Entry, Node

Content: TypeAlias = dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Step:
    """From version `since` to the next. `new` are the words that the next version adds, by the place they may stand
    at (`*` is any key): an older document must not use them."""

    since: int
    about: str
    apply: Callable[[Checker, Node], Node]
    new: Mapping[Place, frozenset[str]]


def current(checker: Checker, tree: Node) -> Node:
    """The tree in the words of the present version; what cannot be brought there is complained of."""
    for step in STEPS:
        if _version(tree) == step.since:
            tree = _with(step.apply(checker, _refused(checker, tree, step)), "version", step.since + 1)
    return tree


def _version(tree: Node) -> object:
    entry = tree.value.get("version") if isinstance(tree.value, dict) else None
    return entry.node.value if entry is not None and type(entry.node.value) is int else None


def _refused(checker: Checker, tree: Node, step: Step) -> Node:
    """The tree without the words that came later, each with a complaint."""
    for place, words in step.new.items():
        tree = _without(checker, tree, place, words, (), step.since)
    return tree


def _without(checker: Checker, node: Node, place: Place, words: frozenset[str], at: Place, version: int) -> Node:
    if not isinstance(node.value, dict):
        return node
    kept: Content = {}
    for name, entry in node.value.items():
        here = (*at, name)
        if not place and name in words:
            checker.lines[here] = entry.line
            mend = f"Say `version: {version + 1}`, and what else changed with it"
            checker.complain(here, f"the key {quoted(entry.key)}", f"a word of version {version}", mend)
            continue
        if place and place[0] in ("*", name):
            entry = Entry(entry.key, entry.line, _without(checker, entry.node, place[1:], words, here, version))
        kept[name] = entry
    return Node(node.line, kept)


def _with(tree: Node, name: str, value: int) -> Node:
    assert isinstance(tree.value, dict)
    entry = tree.value[name]
    return Node(tree.line, {**tree.value, name: Entry(entry.key, entry.line, Node(entry.node.line, value))})


# -- version 1 to 2 -----------------------------------------------------------------------------------------------


def _to_2(checker: Checker, tree: Node) -> Node:
    """`write_if_empty: true` is `overwrite: false`; a canonical value after `on_unknown` is `{default: value}`."""
    assert isinstance(tree.value, dict)
    fields = tree.value.get("fields")
    if fields is None or "mapping" not in tree.value or not isinstance(fields.node.value, dict):
        return tree
    made = {
        name: Entry(entry.key, entry.line, _field_to_2(checker, ("fields", name), entry.node))
        for name, entry in fields.node.value.items()
    }
    return Node(tree.line, {**tree.value, "fields": Entry(fields.key, fields.line, Node(fields.node.line, made))})


def _field_to_2(checker: Checker, place: Place, node: Node) -> Node:
    if not isinstance(node.value, dict):
        return node
    made: Content = {}
    for name, entry in node.value.items():
        here = (*place, name)
        if name == "write_if_empty":
            name, entry = "overwrite", _overwrite(checker, here, entry)
            checker.renamed[(*place, name)] = here
        elif name == "on_unknown":
            entry = _on_unknown(checker, here, entry)
        made[name] = entry
    return Node(node.line, made)


def _overwrite(checker: Checker, here: Place, entry: Entry) -> Entry:
    said = entry.node.value
    if not isinstance(said, bool):
        checker.lines[here] = entry.line
        checker.complain(here, quoted(said), "true or false")
        said = False
    return Entry("overwrite", entry.line, Node(entry.node.line, not said))


def _on_unknown(checker: Checker, here: Place, entry: Entry) -> Entry:
    said = entry.node
    if said.value in ("reject", "pass") and isinstance(said.value, str):
        return entry
    if said.value is None or isinstance(said.value, (list, dict)):
        checker.lines[here] = entry.line
        checker.complain(here, quoted(said.value), "reject, pass or a canonical value")
        return Entry(entry.key, entry.line, Node(said.line, "reject"))
    checker.renamed[(*here, "default")] = here
    return Entry(entry.key, entry.line, Node(said.line, {"default": Entry("default", said.line, said)}))


STEPS = (
    Step(
        1,
        "`write_if_empty: true` became `overwrite: false`; a canonical value after `on_unknown` became "
        "`{default: value}`, so that the values reject and pass can be meant, too.",
        _to_2,
        {
            (): frozenset({"composites", "drift"}),
            ("fields", "*"): frozenset({"compute", "reads", "overwrite"}),
            ("policy",): frozenset({"caps"}),
            ("scope",): frozenset({"when"}),
        },
    ),
)
assert [step.since for step in STEPS] == list(range(1, VERSION))
