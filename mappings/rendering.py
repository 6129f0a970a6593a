"""Values as YAML text, in the few forms that the language reads without surprise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mappings.tree import scalar

WIDTH = 120
_PLAIN = re.compile(r"[A-Za-z0-9_$/(.][A-Za-z0-9_$/().@+'%&=;*!?<>-]*(?: [A-Za-z0-9_$/().@+'%&=;*!?<>-]+)*")
_OTHER_YAML = re.compile(r"(?i:yes|no|on|off|y|n)|[0-9][0-9_:.,-]*|[-+.0-9].*")
"""What other YAML readers take for booleans, times or numbers: quoted, so that all read the same."""
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def word(value: object) -> str:
    """A scalar, quoted where it must be."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    plain = (
        text.isascii() and _PLAIN.fullmatch(text) and not _OTHER_YAML.fullmatch(text) and scalar(text, False) == text
    )
    if plain and len(text) <= WIDTH:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def flow(value: Any) -> str:
    """A value in one line, with brackets."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{word(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return word(value)


def entry(key: object, value: Any, indent: int) -> list[str]:
    """The lines of `key: value` at an indentation: in one line where it fits."""
    head = f"{' ' * indent}{word(key)}:"
    inline = f"{head} {flow(value)}"
    if len(inline) <= WIDTH or not _has_parts(value):
        return [inline]
    return [head, *block(value, indent + 2)]


def block(value: Any, indent: int) -> list[str]:
    """The lines of a mapping or list, one entry below the other."""
    if isinstance(value, Mapping):
        return [line for key, inner in value.items() for line in entry(key, inner, indent)]
    return [line for item in value for line in dashed(item, indent)]


def dashed(value: Any, indent: int, *, tall: bool = False) -> list[str]:
    """The lines of one item of a list; `tall`: the keys of a mapping one below the other, even if one line would do."""
    head = f"{' ' * indent}- "
    if not _has_parts(value) or (not tall and len(head) + len(flow(value)) <= WIDTH):
        return [head + flow(value)]
    lines = block(value, indent + 2)
    return [head + lines[0][indent + 2 :], *lines[1:]]


def _has_parts(value: Any) -> bool:
    return isinstance(value, (Mapping, Sequence)) and not isinstance(value, str) and len(value) > 0
