"""Phone numbers as people type them, in E.164; an extension follows as `;ext=12`."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

from mappings.misfit import Misfit

EXPECTED = "a phone number, with its country code or national in the field's country"


@lru_cache(maxsize=65536)
def _parsed(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164};ext={number.extension}" if number.extension else e164


def normal(text: str, region: str | None = None) -> str:
    """`(415) 555-0100` in `US` is `+14155550100`. `Misfit` when it cannot be a number; "" stays "".

    A quote before the plus, as spreadsheets put it, and a leading 00 for the plus are understood.
    """
    if not text:
        return text
    if len(text) > 100:
        raise Misfit(EXPECTED)
    bare = text.strip().lstrip("'")
    if not bare:
        return ""
    found = _parsed(bare, region)
    if found is None and bare.startswith("00"):
        found = _parsed("+" + bare[2:], region)
    if found is None:
        raise Misfit(EXPECTED, "" if region or bare.startswith("+") else "Give the field a `country`")
    return found


def number_of(text: str, region: str | None = None) -> str | None:
    """The E.164 form without the extension; None when the text is no number."""
    try:
        return normal(text, region).partition(";")[0] or None
    except Misfit:
        return None
