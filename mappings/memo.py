"""A memory of what a pure function gave: the same countries, stages and names come again in every record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

Found = TypeVar("Found")

UNFIT: Final = object()
"""What is remembered of a text that doesn't fit."""

ENTRIES = 1_000
LONGEST = 100


class Memo(dict[str, Found], Generic[Found]):
    """`memo[text]` is `function(text)`, computed at most once while it is remembered.

    It holds at most `entries` texts of at most 100 characters and is emptied when full, so that its memory stays flat
    whatever comes. What the function raises passes through and is not remembered.
    """

    __slots__ = ("entries", "function")

    def __init__(self, function: Callable[[str], Found], entries: int = ENTRIES) -> None:
        super().__init__()
        self.function = function
        self.entries = entries

    def __missing__(self, text: str) -> Found:
        found = self.function(text)
        if len(text) <= LONGEST:
            if len(self) >= self.entries:
                self.clear()
            self[text] = found
        return found
