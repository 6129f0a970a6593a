"""The normalisers: text to text, idempotent, applied when reading."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from hub.domain.policy import Compare
from mappings import countries, phones
from mappings.transforms import Example, Normaliser

_TAG = re.compile(r"<[^<>]*>")
_PASSES = 8


def _collapse(text: str) -> str:
    return " ".join(text.split())


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _strip_html(text: str) -> str:
    for _ in range(_PASSES):
        bare = _TAG.sub("", text)
        if bare == text:
            return text
        text = bare
    return text.replace("<", "").replace(">", "")


def _country(text: str) -> str:
    return countries.code_of(text) or text


def _plain(step: Callable[[str], str]) -> Callable[[str | None], Callable[[str], str]]:
    return lambda _region: step


def _phone(region: str | None) -> Callable[[str], str]:
    return lambda text: phones.normal(text, region)


def _strip_apostrophe(text: str) -> str:
    return text.lstrip("'") if text[:1] == "'" else text


_LIST = (
    Normaliser(
        "trim",
        "Takes off white space at both ends.",
        _plain(str.strip),
        (Example("  Anna ", "Anna"), Example("\tAnna\u00a0", "Anna"), Example("   ", "")),
    ),
    Normaliser(
        "lower",
        "Lower case.",
        _plain(str.lower),
        (Example("Anna@X.COM", "anna@x.com"),),
        Compare.CASEFOLD,
    ),
    Normaliser(
        "upper",
        "Upper case.",
        _plain(str.upper),
        (Example("eur", "EUR"),),
        Compare.CASEFOLD,
    ),
    Normaliser(
        "collapse_spaces",
        "One space for any run of white space, line breaks too; none at the ends.",
        _plain(_collapse),
        (Example("Anna  Maria\n Smith ", "Anna Maria Smith"),),
    ),
    Normaliser(
        "nfc",
        "Composes Unicode characters (NFC), so that é is one character however it was typed.",
        _plain(_nfc),
        (Example("Jose\u0301", "José"),),
        Compare.TRIMMED,
    ),
    Normaliser(
        "strip_html",
        "Takes out tags; entities stay.",
        _plain(_strip_html),
        (Example("<b>Hello</b> <a href='x'>there</a>", "Hello there"), Example("1 < 2", "1 < 2")),
    ),
    Normaliser(
        "strip_apostrophe",
        "Takes off the leading apostrophe that spreadsheets put before numbers.",
        _plain(_strip_apostrophe),
        (Example("'+49301234", "+49301234"), Example("O'Brien", "O'Brien")),
    ),
    Normaliser(
        "phone",
        "E.164, national numbers in the field's `country`; an extension follows as `;ext=12`. Other texts don't fit.",
        _phone,
        (
            Example("(415) 555-0100", "+14155550100", args="US"),
            Example("+49 30 1234567", "+49301234567"),
            Example("0049 30 1234567", "+49301234567"),
            Example("'+1 415 555 0100 ext. 12", "+14155550100;ext=12"),
        ),
        Compare.PHONE,
    ),
    Normaliser(
        "country",
        "ISO 3166 alpha-2 of a country's name or code; unknown texts stay as they are.",
        _plain(_country),
        (Example("Deutschland", "DE"), Example("u.s.a.", "US"), Example("UK", "GB"), Example("Atlantis", "Atlantis")),
        Compare.CASEFOLD,
    ),
)

NORMALISERS = {normaliser.name: normaliser for normaliser in _LIST}
