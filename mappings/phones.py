"""Phone numbers as people type them, in E.164; an extension follows as `;ext=12`."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

from mappings.misfit import Misfit

EXPECTED = "a phone number, with its country code or national in the field's country"
MAX_LENGTH = 100

_NORTH_AMERICA = frozenset({"US", "CA"})
_SIMPLE = ("US", "DE", "FR", "ES", "NL", "BE", "CH", "AT", "DK", "NO", "SE", "PL", "PT", "IE", "FI", "CZ", "IN")
_PUNCTUATION = str.maketrans("", "", " ()-.")


@lru_cache(maxsize=1)
def _simple() -> dict[str, frozenset[int]]:
    """Country codes whose numbers need no rule but their length, once a first 0 or 1 is excluded: code -> lengths."""
    found: dict[str, frozenset[int]] = {}
    for region in _SIMPLE:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        lengths = metadata.general_desc if metadata is not None else None
        if metadata is not None and lengths is not None and metadata.national_prefix_for_parsing in (None, "0", "1"):
            found[str(metadata.country_code)] = frozenset(lengths.possible_length)
    return found


def _quick(text: str, region: str | None) -> str | None:
    """The common forms without the library's twenty microseconds; None leaves the number to the library."""
    bare = text.translate(_PUNCTUATION)
    if not bare.isascii():
        return None
    if bare[:1] == "+":
        for size in (2, 1, 3):
            lengths = _simple().get(bare[1 : size + 1])
            if lengths is not None:
                rest = bare[size + 1 :]
                fits = rest.isdigit() and rest[0] not in "01" and len(rest) in lengths
                return bare if fits and text[0] == "+" else None
        return None
    if region in _NORTH_AMERICA and len(bare) == 10 and bare.isdigit() and bare[0] not in "01":
        return "+1" + bare
    return None


def _parsed(text: str, region: str | None) -> str | None:
    quick = _quick(text, region)
    if quick is not None:
        return quick
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164};ext={number.extension}" if number.extension else e164


@lru_cache(maxsize=65536)
def found(text: str, region: str | None) -> str | None:
    """The number of a text of at most `MAX_LENGTH` characters; "" for a blank one, None when it cannot be a number."""
    bare = text.strip().lstrip("'").strip()
    if not bare:
        return ""
    number = _parsed(bare, region)
    if number is None and bare.startswith("00"):
        number = _parsed("+" + bare[2:], region)
    return number


def normal(text: str, region: str | None = None) -> str:
    """`(415) 555-0100` in `US` is `+14155550100`. `Misfit` when it cannot be a number; "" stays "".

    A quote before the plus, as spreadsheets put it, and a leading 00 for the plus are understood.
    """
    number = found(text, region) if len(text) <= MAX_LENGTH else None
    if number is None:
        raise Misfit(EXPECTED, "" if region or "+" in text[:3] else "Give the field a `country`")
    return number


def number_of(text: str, region: str | None = None) -> str | None:
    """The E.164 form without the extension; None when the text is no number."""
    number = found(text, region) if len(text) <= MAX_LENGTH else None
    return number.partition(";")[0] if number else None
