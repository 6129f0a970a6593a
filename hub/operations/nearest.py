"""The nearest valid word: what a person probably meant when a name is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from hub.errors import NotFound


def nearest(said: str, valid: Iterable[str], *, likeness: float = 0.5) -> str | None:
    """The closest of `valid` to what was said, regardless of case; None when nothing is so much like it."""
    by_fold = {word.casefold(): word for word in valid}
    close = get_close_matches(said.casefold(), list(by_fold), n=1, cutoff=likeness)
    return by_fold[close[0]] if close else None


def unknown(what: str, said: str, valid: Iterable[str], *, mend: str = "") -> NotFound:
    """The error for a name that does not exist: names the nearest, or else what there is."""
    words = sorted(valid)
    close = nearest(said, words)
    if close is not None:
        return NotFound(f'there is no {what} "{said}"; the nearest is "{close}"', mend=mend)
    there = f"there are: {', '.join(words)}" if words else "there are none yet"
    return NotFound(f'there is no {what} "{said}"; {there}', mend=mend)
