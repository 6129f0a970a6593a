"""The closed list of steps that change a value's form for any vendor, each with its inverse where it has one.

A *normaliser* takes and gives text, doing it twice does no more than once, and it only runs when reading. A
*transform* runs when reading and is undone when writing. Both have examples that the tests execute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.domain.policy import Compare
from mappings.shapes import Shape

Raw: TypeAlias = Mapping[str, Any]
Step: TypeAlias = Callable[[Any, Raw], Any]
Args: TypeAlias = Mapping[str, Any]


class BadArgument(Exception):
    """An argument that the step cannot use; told to the author of the document."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(expected)
        self.name = name
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument of a transform. `path`: its text may be a remote path, which is then requested too."""

    name: str
    shape: Shape
    about: str
    required: bool = False
    path: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """`given` becomes `gives`; `back`: undoing `gives` makes `given` again."""

    given: Any
    gives: Any
    args: Any = None
    raw: Any = None
    back: bool = True


@dataclass(frozen=True, slots=True)
class Normaliser:
    """`apply` makes the function of a text; it may need the default region of phone numbers."""

    name: str
    about: str
    apply: Callable[[str | None], Callable[[str], str]]
    examples: tuple[Example, ...]
    compare: Compare = Compare.TRIMMED


@dataclass(frozen=True, slots=True)
class Transform:
    """`forward` and `inverse` make the step from checked arguments. `takes_blank`: sees null and "" too; otherwise
    both skip it, and with `blank_is_null` a "" becomes null."""

    name: str
    about: str
    forward: Callable[[Args], Step]
    examples: tuple[Example, ...]
    inverse: Callable[[Args], Step] | None = None
    args: tuple[Arg, ...] = ()
    takes_blank: bool = False
    blank_is_null: bool = True


def plain_step(function: Callable[[Any], Any]) -> Step:
    """A step that looks at nothing but the value."""
    return lambda value, _raw: function(value)


def settings(transform: Transform, given: object) -> dict[str, Any]:
    """The arguments of a transform as a mapping: a single value stands for the first of them."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {str(name): value for name, value in given.items()}
    return {transform.args[0].name: given}
