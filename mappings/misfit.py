"""What a step says of a value it cannot carry over, and how such a value is quoted without telling on a person."""

from __future__ import annotations


class Misfit(Exception):
    """A value does not fit. `expected` is a plain sentence; the value itself is never in it."""

    def __init__(self, expected: str, mend: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.mend = mend


def masked(value: object) -> str:
    """The form of a value without its content: letters become `x`, digits `9`; at most 24 characters."""
    if isinstance(value, str):
        shape = "".join(
            "9" if c.isdigit() else "x" if c.isalnum() else c if c.isprintable() else "?" for c in value[:24]
        )
        tail = "..." if len(value) > 24 else ""
        return f'"{shape}{tail}" ({len(value)} characters)'
    return kind_of(value)


def shown(value: object) -> str:
    """A value that is not personal (a picklist value, a number, a date): quoted as it is, cut to 60 characters."""
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "..."
        return f'"{text}"' if text.isprintable() else ascii(text)
    if isinstance(value, (bool, int, float)):
        return str(value)[:40]
    return kind_of(value)


def kind_of(value: object) -> str:
    """The JSON kind of a value, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "an object"
