"""Date and time formats written as `DD.MM.YYYY HH:mm`: read strictly, written back the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

_TOKENS: dict[str, tuple[str, str, Callable[[datetime], str]]] = {
    "YYYY": ("year", r"\d{4}", lambda t: f"{t.year:04d}"),
    "MM": ("month", r"\d{2}", lambda t: f"{t.month:02d}"),
    "DD": ("day", r"\d{2}", lambda t: f"{t.day:02d}"),
    "HH": ("hour", r"\d{2}", lambda t: f"{t.hour:02d}"),
    "hh": ("half", r"\d{2}", lambda t: f"{(t.hour - 1) % 12 + 1:02d}"),
    "mm": ("minute", r"\d{2}", lambda t: f"{t.minute:02d}"),
    "ss": ("second", r"\d{2}", lambda t: f"{t.second:02d}"),
    "M": ("month", r"\d{1,2}", lambda t: str(t.month)),
    "D": ("day", r"\d{1,2}", lambda t: str(t.day)),
    "H": ("hour", r"\d{1,2}", lambda t: str(t.hour)),
    "h": ("half", r"\d{1,2}", lambda t: str((t.hour - 1) % 12 + 1)),
    "A": ("noon", r"[AaPp][Mm]", lambda t: "AM" if t.hour < 12 else "PM"),
}
_SPLIT = re.compile("|".join(sorted(_TOKENS, key=len, reverse=True)))
_LITERAL = re.compile(r"[ ./:,T-]*")


@dataclass(frozen=True, slots=True)
class Format:
    """A compiled format. `has_time`: it names an hour."""

    text: str
    pattern: re.Pattern[str]
    pieces: tuple[str | Callable[[datetime], str], ...]
    has_time: bool

    def read(self, text: str) -> datetime | None:
        """The moment without zone that the text names; None when it doesn't follow the format or is impossible."""
        found = self.pattern.fullmatch(text)
        if found is None:
            return None
        part = {name: value for name, value in found.groupdict().items() if value is not None}
        hour = int(part.get("hour", 0))
        if "half" in part:
            hour = int(part["half"]) % 12 + (12 if part["noon"].lower() == "pm" else 0)
            if not 1 <= int(part["half"]) <= 12:
                return None
        try:
            day = date(int(part["year"]), int(part["month"]), int(part["day"]))
            return datetime(day.year, day.month, day.day, hour, int(part.get("minute", 0)), int(part.get("second", 0)))
        except ValueError:
            return None

    def write(self, moment: datetime) -> str:
        return "".join(piece if isinstance(piece, str) else piece(moment) for piece in self.pieces)


@lru_cache(maxsize=256)
def compiled(text: str) -> Format | None:
    """The format, or None when the text is none: year, month and day must be there, each once, and `h` needs `A`."""
    pattern, pieces, seen, at = "", list[str | Callable[[datetime], str]](), list[str](), 0
    for found in _SPLIT.finditer(text):
        literal = text[at : found.start()]
        name, digits, render = _TOKENS[found.group()]
        if _LITERAL.fullmatch(literal) is None:
            return None
        pattern += re.escape(literal) + f"(?P<{name}>{digits})" if name not in seen else "("
        pieces += [literal, render]
        seen.append(name)
        at = found.end()
    named = set(seen)
    once = len(seen) == len(named) and not {"hour", "half"} <= named
    complete = {"year", "month", "day"} <= named and once and ("half" in named) == ("noon" in named)
    if not complete or _LITERAL.fullmatch(text[at:]) is None:
        return None
    pieces.append(text[at:])
    whole = re.compile(pattern + re.escape(text[at:]), re.ASCII)
    return Format(text, whole, tuple(pieces), bool(named & {"hour", "half"}))
