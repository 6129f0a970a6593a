"""Single cells: the guard against formulas, yes and no, moments, numbers."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from hub.domain.moments import iso

FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What a spreadsheet would run when it opens the file (OWASP's page on CSV injection)."""

YES = {"true", "yes", "y", "1", "x", "t", "wahr", "ja", "oui", "si", "sí", "on", "opted out", "unsubscribed"}
SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:,? +(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([AaPp])[Mm])?)?")
ISO_LIKE = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(?: ?(Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)?"
)


def guard(text: str) -> str:
    """A cell as it is written: a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{text}" if FORMULA.match(text) else text


def unguard(text: str) -> str:
    """A cell as it is meant: undoes `guard`, and the same apostrophe as vendors' exports put before phone numbers."""
    return text[1:] if text[:1] == "'" and FORMULA.match(text) else text


def yes(text: str) -> bool:
    return text.strip().casefold() in YES


def moment(text: str, zone: str, dates: str) -> str | None:
    """A time as ISO 8601 in UTC; None when the text names none, or not for sure (04/05/2026 without a set order)."""
    found = _read(text.strip()[:40], dates)
    if found is None:
        return None
    try:
        return iso(found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone)))
    except (ValueError, OverflowError):
        return None


def day(text: str, dates: str) -> str:
    """A day as YYYY-MM-DD, or the text as it is when it names none for sure."""
    found = _read(text.strip()[:40], dates)
    return text if found is None else found.date().isoformat()


def _read(text: str, dates: str) -> datetime | None:
    try:
        match = ISO_LIKE.fullmatch(text)
        if match:
            clock, zone = match[2] or "00:00", match[3] or ""
            zone = "+00:00" if zone in ("Z", "UTC", "GMT") else zone
            return datetime.fromisoformat(f"{match[1]}T{clock}{zone}")
        match = SLASHED.fullmatch(text)
        return None if match is None else _slashed(match, dates)
    except ValueError:
        return None


def _slashed(match: re.Match[str], dates: str) -> datetime | None:
    """Dots mean day first everywhere; slashes only what the operator says, unless one number cannot be a month."""
    first, second = int(match[1]), int(match[2])
    if "." in match[0][:3]:
        dates = "dmy"
    if dates == "iso":
        dates = "dmy" if first > 12 else "mdy" if second > 12 else ""
    if not dates:
        return None
    on = date(int(match[3]), *((second, first) if dates == "dmy" else (first, second)))
    hour, minute, seconds = int(match[4] or 0), int(match[5] or 0), int(match[6] or 0)
    if match[7]:
        hour = hour % 12 + (12 if match[7].lower() == "p" else 0)
    return datetime(on.year, on.month, on.day, hour, minute, seconds)


def number(text: str) -> str:
    """An amount as a plain decimal (`1234.50`), or the text as it is when it is none. The last of `.` and `,` is the
    decimal sign, unless three digits follow it and it stands alone or repeats."""
    bare = re.sub(r"[\s\u00a0'$€£¥]", "", text)
    if not re.fullmatch(r"-?\d[\d.,]*", bare):
        return text
    last = max(bare.rfind("."), bare.rfind(","))
    if last >= 0:
        sign, other = bare[last], "," if bare[last] == "." else "."
        grouping = len(bare) - last - 1 == 3 and other not in bare and (sign == "," or bare.count(sign) > 1)
        whole = re.sub(r"[.,]", "", bare[:last])
        bare = whole + bare[last + 1 :] if grouping or bare.count(sign) > 1 else f"{whole}.{bare[last + 1 :]}"
    return bare
