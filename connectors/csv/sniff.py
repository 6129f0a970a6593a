"""How a file is written: encoding, line ends, delimiter, judged from its first bytes."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace

from connectors.csv.settings import DELIMITERS, ENCODINGS, Settings

BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
MAC_LETTERS = re.compile(rb"[A-Za-z][\x87-\x9f][a-z]")
"""Accented letters of MacRoman within a word; in Windows-1252 these bytes are mostly punctuation."""
WINDOWS_LETTERS = re.compile(rb"[\xc0-\xd6\xd8-\xf6\xf8-\xff]")
SEPARATOR_HINT = re.compile(r'"?sep=(.)"?\r?', re.I)
SAMPLE_LINES = 25
GOOD_WEIGHT = 3
"""How much more a line counts that is sound UTF-8: other encodings hardly ever look so by accident."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """`sure` is False while only ASCII has been seen: then the first other byte decides about the encoding."""

    encoding: str
    delimiter: str = ","
    newline: str = "\n"
    sure: bool = True

    @property
    def wide(self) -> bool:
        return self.encoding.startswith("utf-16")

    @property
    def title(self) -> str:
        return {"cp1252": "Windows-1252", "mac_roman": "MacRoman"}.get(self.encoding, self.encoding.upper())


def bom(head: bytes) -> tuple[int, str]:
    """The length of a byte order mark and the encoding that it says; (0, "") when there is none."""
    for mark, encoding in BOMS:
        if head.startswith(mark):
            return len(mark), encoding
    return 0, ""


def encoding(head: bytes) -> tuple[str, bool]:
    """The likely encoding of a file without a mark, and whether anything in the bytes speaks for it."""
    if b"\x00" in head[:4096]:
        pairs = head[:4096]
        low, high = pairs[0::2].count(0), pairs[1::2].count(0)
        if max(low, high) > len(pairs) // 5:
            return ("utf-16-le", True) if high > low else ("utf-16-be", True)
    if head.isascii():
        return "utf-8", False
    good = bad = 0
    lines = head.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += number < len(lines) or number == 1  # the last line may be cut within a letter
    if good * GOOD_WEIGHT >= bad and good:
        return "utf-8", True
    mac, windows = len(MAC_LETTERS.findall(head)), len(WINDOWS_LETTERS.findall(head))
    return ("mac_roman", True) if mac > windows else ("cp1252", True)


def sniff(head: bytes, settings: Settings) -> tuple[Dialect, int]:
    """The dialect and where the text begins. The delimiter is judged from the first lines."""
    start, marked = bom(head)
    told = ENCODINGS[settings.encoding]
    name, sure = (marked, True) if marked else (told, True) if told else encoding(head)
    dialect = Dialect(name, sure=sure)
    text = head[start : start + 256 * 1024].decode(name, "replace")
    if "\n" not in text and "\r" in text:
        dialect = replace(dialect, newline="\r")
    delimiter = DELIMITERS[settings.delimiter] or _delimiter(text.replace("\r\n", "\n").replace("\r", "\n"))
    return replace(dialect, delimiter=delimiter), start


def hint(line: str) -> bool:
    """Whether the first line is Excel's `sep=;`, which is no header."""
    return SEPARATOR_HINT.fullmatch(line) is not None


def _delimiter(text: str) -> str:
    """The sign that gives the same number of fields on most of the first lines; commas when none does."""
    lines = text.split("\n")
    said = SEPARATOR_HINT.fullmatch(lines[0])
    if said:
        return said[1]
    best, best_score = ",", 0.0
    for sign in (",", ";", "\t", "|"):
        rows = _sample(lines, sign)
        width = len(rows[0]) if rows else 0
        if width > 1:
            score = sum(len(row) == width for row in rows) / len(rows) + width / 1000
            if score > best_score:
                best, best_score = sign, score
    return best


def _sample(lines: list[str], sign: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader((line + "\n" for line in lines[: SAMPLE_LINES * 4]), delimiter=sign):
            if row:
                rows.append(row)
            if len(rows) >= SAMPLE_LINES:
                break
    except csv.Error:
        return rows
    return rows
