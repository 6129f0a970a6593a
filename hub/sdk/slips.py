"""How people mistype: every slip takes its chance from the generator it is given, and leaves most texts alone."""

from __future__ import annotations

import unicodedata
from random import Random

from hub.sdk.names import COMPANY_FORMS, EMOJI, NICKNAMES, Place

_PLAIN = str.maketrans("ŁłıØø", "LliOo", "") | {ord("ß"): "ss"}


def plain(text: str) -> str:
    """The text as somebody without the right keys types it: no accents, nothing beyond ASCII."""
    return unicodedata.normalize("NFKD", text.translate(_PLAIN)).encode("ascii", "ignore").decode()


def slip_name(rng: Random, text: str, rate: float) -> str:
    """Another case, stray spaces, lost accents, another apostrophe, an emoji."""
    chance = rng.random()
    if chance >= rate or not text:
        return text
    match int(chance / rate * 8):
        case 0:
            return text.upper()
        case 1:
            return text.lower()
        case 2:
            return f" {text}"
        case 3:
            return f"{text} "
        case 4:
            return text.replace(" ", "  ") if " " in text else f"{text}\t"
        case 5:
            return plain(text) or text
        case 6:
            return text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}").replace("-", " ")
        case _:
            return f"{text} {EMOJI[int(rng.random() * len(EMOJI))]}"


def slip_given(rng: Random, given: str, rate: float) -> str:
    """A slip, or the name friends use."""
    if rng.random() < rate / 2:
        return NICKNAMES.get(given, given)
    return slip_name(rng, given, rate)


def slip_email(rng: Random, email: str, rate: float, *, spaces: bool) -> str:
    """Another case; where the vendor does not trim (`spaces`), also stray spaces."""
    chance = rng.random()
    if chance >= rate or not email:
        return email
    match int(chance / rate * 4):
        case 0:
            return email.upper()
        case 1:
            return f" {email}" if spaces else email.title()
        case 2:
            return f"{email} " if spaces else email.capitalize()
        case _:
            local, _, domain = email.partition("@")
            return f"{local}@{domain.capitalize()}"


def slip_company(rng: Random, company: str, rate: float) -> str:
    """Another legal form or none, another case."""
    chance = rng.random()
    if chance >= rate or not company:
        return company
    match int(chance / rate * 4):
        case 0:
            return company.upper()
        case 1:
            return company.lower()
        case 2:
            return f"{company}, {COMPANY_FORMS[int(rng.random() * (len(COMPANY_FORMS) - 1))]}"
        case _:
            return f"{company} "


def write_phone(rng: Random, number: str, place: Place, rate: float) -> str:
    """E.164 digits (without "+") as a person writes them; one in `rate` in a form that needs the country to read."""
    if not number:
        return ""
    size = 1 if place.code == "US" else 2
    country, rest = number[:size], number[size:]
    chance = rng.random()
    if chance < rate:
        if place.code == "US":
            return f"({rest[:3]}) {rest[3:6]}-{rest[6:]}"
        return f"{place.trunk}{rest[:2]}/{rest[2:]}"
    match int(rng.random() * 4):
        case 0:
            return f"+{number}"
        case 1:
            return f"+{country} {rest[:3]} {rest[3:6]} {rest[6:]}"
        case 2:
            return f"+{country}-{rest[:3]}-{rest[3:]}"
        case _:
            return f"+{country} ({rest[:3]}) {rest[3:]} "
