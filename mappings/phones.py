"""Phone numbers as people type them, in E.164; an extension follows as `;ext=12`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

from mappings.misfit import Misfit

EXPECTED = "a phone number, with its country code or national in the field's country"
MAX_LENGTH = 100

_SIMPLE = (
    *("US", "DE", "FR", "GB", "ES", "IT", "NL", "BE", "CH", "AT", "DK", "NO", "SE", "PL", "PT", "IE", "FI", "CZ", "GR"),
    *("RO", "IN", "ZA"),
)
_NORTH_AMERICA = frozenset({"US", "CA"})
_PUNCTUATION = b" ()-./"


@dataclass(frozen=True, slots=True)
class _Plan:
    """A country whose numbers need no rule but their length, once those that begin with one of `prefixes` are left to
    the library. `trunk`: a 0 before a national number is only for dialling within the country."""

    code: str
    lengths: frozenset[int]
    prefixes: tuple[str, ...]
    trunk: bool


@lru_cache(maxsize=1)
def _plans() -> tuple[dict[str, _Plan], dict[str, _Plan]]:
    """By country code, and by region."""
    by_code: dict[str, _Plan] = {}
    by_region: dict[str, _Plan] = {}
    for region in _SIMPLE:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        if metadata is None or metadata.general_desc is None:
            continue
        prefixes = (metadata.national_prefix_for_parsing or "0").split("|")
        if all(prefix.isdigit() for prefix in prefixes) and metadata.national_prefix_transform_rule is None:
            trunk = metadata.national_prefix == "0" and metadata.international_prefix == "00"
            lengths = frozenset(metadata.general_desc.possible_length)
            plan = _Plan(str(metadata.country_code), lengths, ("0", *prefixes), trunk)
            by_code[plan.code] = by_region[region] = plan
    return by_code, by_region


def _quick(text: str, region: str | None) -> str | None:
    """The common forms without the library's twenty microseconds; None leaves the number to the library."""
    if not text.isascii():
        return None
    bare = text.encode().translate(None, _PUNCTUATION).decode()
    by_code, by_region = _plans()
    if bare[:1] == "+":
        rest = bare[1:]
        if not rest.isdigit() or text[0] != "+":
            return None
        plan = by_code.get(rest[:2]) or by_code.get(rest[:1]) or by_code.get(rest[:3])
        national = rest[len(plan.code) :] if plan is not None else ""
        fits = plan is not None and len(national) in plan.lengths and not national.startswith(plan.prefixes)
        return bare if fits else None
    if not bare.isdigit():
        return None
    if region in _NORTH_AMERICA:
        national = bare[1:] if len(bare) == 11 and bare[0] == "1" else bare
        return "+1" + national if len(national) == 10 and national[0] not in "01" else None
    plan = by_region.get(region or "")
    if plan is not None and plan.trunk and bare[0] == "0":
        national = bare[1:]
        if len(national) in plan.lengths and not national.startswith(plan.prefixes):
            return f"+{plan.code}{national}"
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
