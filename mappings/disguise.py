"""Values that look like others and tell nothing of them: letters for letters, digits for digits, the same each time.

What matters to a mapping stays: length, case, spaces, punctuation, accents as some accent, the script, the form of
e-mail addresses and phone numbers. Under one salt the same word becomes the same other word wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from hashlib import shake_128
from math import isfinite
from typing import Any

import phonenumbers

from mappings import formats, phones
from mappings.keys import ROLES

SHORT = 3
"""Words of fewer characters tell on nobody: they may come out as a word that stood elsewhere."""
ENDS = ("example", "test", "invalid", "zz")
"""Top-level domains that nobody can own; the last one for values that already hold the others."""
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnprstvwz"
_ODD_VOWELS, _ODD_CONSONANTS = "áéíóúàèìòùâêîôûäëïöü", "çñšžčřńďľť"
_MAIL = re.compile(r"[^\s@;,<>|\"()]+@[^\s@;,<>|\"()]+")
_ISO = re.compile(r"(\s*)(\d{4})-(\d{2})-(\d{2})(?!\d)(.*)", re.DOTALL)
PHONE_WORDS = frozenset({"x", "ext", "extn", "extension", "tel"})
_LETTERS = re.compile(r"[^\W\d_]+")
_TRIES = 60


@dataclass(slots=True)
class Disguise:
    """`taken`: the words (see `words`) that must not come out; `attempt` gives other words for the same salt."""

    salt: str
    taken: frozenset[str] = frozenset()
    attempt: int = 0
    known: dict[str, str] = field(default_factory=dict)

    def word(self, word: str) -> str:
        """Another word of the same form. Never the same, never one that is taken."""
        found = self.known.get(word)
        if found is None:
            found = self.known[word] = next(made for made in self._words(word) if self._free(word, made))
        return found

    def _words(self, word: str) -> Iterator[str]:
        key = folded(word)
        for turn in range(_TRIES):
            yield _like(word, self._draw(key, turn, 2 * len(word)))
        for longer in range(1, 10_000):  # every word of that length is taken
            yield _like(word, self._draw(key, longer, 2 * len(word))) + _like(word[-1] * longer, b"\0" * 2 * longer)

    def _draw(self, key: str, turn: int, size: int) -> bytes:
        seed = f"{self.salt}\0{self.attempt}\0{turn}\0{key}"
        return shake_128(seed.encode("utf-8", "surrogatepass")).digest(size)

    def _free(self, word: str, made: str) -> bool:
        bare = folded(made)
        return bare != folded(word) and (len(bare) < SHORT or bare not in self.taken)

    def text(self, text: str, kept: frozenset[str] = frozenset()) -> str:
        """A text with every word replaced; e-mail addresses within end at no real domain. `kept`: pieces (folded) that
        the mapping itself names and looks for."""
        composed = unicodedata.normalize("NFC", text)
        made, at = "", 0
        for found in _MAIL.finditer(composed):
            made += self._plain(composed[at : found.start()], kept) + self._mail(found.group(), kept)
            at = found.end()
        made += self._plain(composed[at:], kept)
        decomposed = composed != text and unicodedata.normalize("NFD", composed) == text
        return unicodedata.normalize("NFD", made) if decomposed else made

    def _plain(self, text: str, kept: frozenset[str]) -> str:
        for piece in sorted(kept, key=len, reverse=True):
            at = text.casefold().find(piece) if len(text.casefold()) == len(text) else -1
            if piece and at >= 0:
                end = at + len(piece)
                return self._plain(text[:at], kept) + text[at:end] + self._plain(text[end:], kept)
        return "".join(self.word(run) if run[0].isalnum() else run for run in runs(text))

    def _mail(self, address: str, kept: frozenset[str]) -> str:
        local, _, domain = address.partition("@")
        mailbox, plus, tag = local.partition("+")
        shared = mailbox.casefold() in ROLES  # a shared mailbox is nobody's, and read otherwise
        made = mailbox + plus + self._plain(tag, kept) if shared else self._plain(local, kept)
        if domain.casefold() in kept or f"@{domain}".casefold() in kept:
            return f"{made}@{domain}"
        names, dot, end = domain.rpartition(".")
        if not dot or not end:
            return f"{made}@{self._plain(domain, kept)}"
        free = [word for word in ENDS if word not in self.taken and word != end.casefold()]
        last = ENDS[-1] if self.attempt % 3 == 2 or not free else free[0]
        return f"{made}@{self._plain(names, kept)}.{last.upper() if end.isupper() else last}"

    def phone(self, text: str, region: str | None) -> str | None:
        """A number of the same form in the same country that is nobody's as far as is known; None for what is none."""
        number = phones.number_of(text, region)
        if not number:
            return None
        country = str(phonenumbers.parse(number).country_code)
        digits = self.known.get(number) or next(self._nationals(number, country), None)
        if digits is None:
            return None
        self.known[number] = digits
        made = self._laid(text, number[1 + len(country) :], digits)
        same = made is not None and phones.number_of(made, region) == f"+{country}{digits}"
        return made if same else None

    def _nationals(self, number: str, country: str) -> Iterator[str]:
        """Other digits behind the country's; in North America those of 555-01xx, which nobody has. However they are
        grouped, no group is one that is taken."""
        old = number[1 + len(country) :]
        for turn in range(_TRIES):
            draw = self._draw(number, turn, len(old))
            made = "".join(str(byte % 10) for byte in draw)
            made = (old[0] if old[0] in "01" else "23456789"[draw[0] % 8]) + made[1:]
            if country == "1" and len(old) == 10 and turn < _TRIES // 2:
                made = f"{made[:3]}55501{made[8:]}"
            ends = range(len(made) + 1)
            spared = not any(made[a:b] in self.taken for a in ends for b in ends if b - a >= SHORT)
            if spared and made != old and phones.number_of(f"+{country}{made}"):
                yield made

    def _laid(self, text: str, old: str, new: str) -> str | None:
        """The new digits in the places of the old ones. What stands before them (country, trunk 0) stays, letters
        and an extension behind them don't."""
        digits = [i for i, c in enumerate(text) if c.isascii() and c.isdigit()]
        plain = "".join(text[i] for i in digits)
        at = plain.find(old)
        if at < 0:
            return None
        chars = list(text)
        for i, digit in zip(digits[at : at + len(old)], new, strict=True):
            chars[i] = digit
        for i in digits[at + len(old) :]:
            chars[i] = self.word(text[i])
        return _LETTERS.sub(lambda found: self._label(found.group()), "".join(chars))

    def _label(self, word: str) -> str:
        return word if word.casefold() in PHONE_WORDS else self.word(word)

    def number(self, value: int | float) -> int | float:
        """A number with other digits: an id that came as a number."""
        text = "".join(self.word(run) if run.isdigit() else run for run in re.findall(r"\d+|\D+", str(value)))
        if isinstance(value, int):
            return int(text)
        made = float(text)
        return made if isfinite(made) else 1.5

    @property
    def days(self) -> int:
        """By how many days every day of a record is moved, so that their order stays."""
        draw = int.from_bytes(shake_128(f"{self.salt}\0days".encode()).digest(4), "big")
        return (40 + draw % 600) * (-1 if self.attempt % 2 == 0 else 1)

    def day(self, value: Any, forms: Iterable[str] = ()) -> Any:
        """A day or moment moved by whole days, in the form in which it stood; None when it is none."""
        if isinstance(value, bool):
            return None
        if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"\s*\d{9,13}\s*", value)):
            unit = 86_400_000 if abs(int(value)) >= 10**11 else 86_400
            moved = int(value) + self.days * unit
            return moved if isinstance(value, int) else str(moved)
        return self._day(value, forms) if isinstance(value, str) else None

    def _day(self, text: str, forms: Iterable[str]) -> str | None:
        try:
            for form in forms:
                compiled = formats.compiled(form)
                found = compiled.read(text.strip()) if compiled is not None else None
                if compiled is not None and found is not None:
                    return compiled.write(found + timedelta(days=self.days))
            iso = _ISO.fullmatch(text)
            if iso is None or any(c.isalpha() and c not in "TZtz" for c in iso[5]):
                return None
            moved = date(int(iso[2]), int(iso[3]), int(iso[4])) + timedelta(days=self.days)
        except (ValueError, OverflowError):
            return None
        return f"{iso[1]}{moved.isoformat()}{iso[5]}"


# -- words --------------------------------------------------------------------------------------------------------


def runs(text: str) -> Iterator[str]:
    """A text in runs of letters and digits, and of what stands between them."""
    at = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or text[end].isalnum() != text[at].isalnum():
            yield text[at:end]
            at = end


def words(text: str) -> set[str]:
    """The words of a text that could tell on somebody, in the form for comparing."""
    found = (folded(run) for run in runs(unicodedata.normalize("NFC", text)) if run[0].isalnum())
    return {word for word in found if len(word) >= SHORT}


def folded(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()


def _like(word: str, draw: bytes) -> str:
    return "".join(_letter(c, draw[2 * i] << 8 | draw[2 * i + 1], i == 0 < len(word) - 1) for i, c in enumerate(word))


def _letter(c: str, draw: int, first: bool) -> str:
    if c.isascii() and c.isdigit():
        return c if first and c == "0" else "123456789"[draw % 9] if first else "0123456789"[draw % 10]
    pool = _pool(c)
    return pool[draw % len(pool)]


@lru_cache(maxsize=4096)
def _pool(c: str) -> str:
    """Characters that may stand for another one: of the same case, script and sort."""
    base = unicodedata.normalize("NFD", c)[0].casefold()
    if c.isascii() or unicodedata.name(c, "").startswith("LATIN"):
        plain, odd = (_VOWELS, _ODD_VOWELS) if base[0] in "aeiouyæøœı" else (_CONSONANTS, _ODD_CONSONANTS)
        pool = plain if c.isascii() else odd
        return pool.upper() if c.isupper() else pool
    return _neighbours(c).replace(c, "") or "x"


def _neighbours(c: str) -> str:
    """Characters near another one in Unicode, of its script and category. Digits of other scripts stay digits."""
    category, script = unicodedata.category(c), unicodedata.name(c, "").split(" ")[0]
    start = ord(c) & ~0x7F
    found = (chr(code) for code in range(start, start + 0x80))
    return "".join(
        other
        for other in found
        if unicodedata.category(other) == category
        and unicodedata.name(other, "").startswith(script)
        and len(folded(other)) == 1
        and unicodedata.normalize("NFC", other) == other
        and other.isalnum()
    )
