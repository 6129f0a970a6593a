"""Bytes into rows: exact about lines, forgiving about what is malformed, bounded in memory.

The csv module parses the fields; this module decides where a row begins and ends, so that a quote that somebody forgot
to close costs its own row and not the rest of the file.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.csv.sniff import Dialect

MAX_ROW = 1024 * 1024
"""Characters of one row, line breaks included."""
MAX_FIELD = 131_072
"""Characters of one field; more than any of the vendors' long texts."""
MAX_ROW_LINES = 2_000
MAX_TRIES, MAX_EVEN_TRIES = 8, 64
"""How often a row that goes on over lines is parsed although its quotes don't add up, and although they do."""

NEVER_CLOSED = "a quote is opened and never closed"
AFTER_QUOTE = "a closing quote is followed by something else than a delimiter: is a quote missing, or not doubled?"
STRAY = "a line break within a field that is not quoted"
TOO_LONG = f"the row is longer than {MAX_ROW:,} characters"
LONG_FIELD = f"a field is longer than {MAX_FIELD:,} characters"


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    cells: list[str]
    after_blank: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """Lines `first` to `last` hold no row that can be read; `cells` are the fields when only their number is wrong."""

    first: int
    last: int
    why: str
    cells: tuple[str, ...] = ()
    after_blank: bool = False


@dataclass(slots=True)
class State:
    """Where the reading stands between two pieces of a file. `lost` is (line, why) while lines are skipped until one
    looks like a row again; `inside` says that the piece ended within an overlong line."""

    line: int = 1
    lost: tuple[int, str] | None = None
    inside: bool = False
    blank: bool = False


@dataclass(slots=True)
class Piece:
    """What one piece of the file gave. `used` are the bytes that need not be read again."""

    found: list[Row | Broken] = field(default_factory=list)
    used: int = 0


def split(body: bytes, dialect: Dialect, state: State, width: int | None, final: bool) -> Piece:
    """The rows of a piece that begins where a line begins (or inside an overlong one). `width` is the number of fields
    that a row must have, None for the header. Moves `state`; a row that the piece cuts is left for the next one."""
    skipped = 0
    if state.inside:
        skipped = _past_line(body, dialect)
        if skipped < 0:
            return Piece(_flush(state, final), len(body) if final else _even(body, dialect))
        state.inside = False
        state.line += 1
        body = body[skipped:]
    lines, ends = _lines(body, dialect, final)
    reader = _Reader(lines, dialect, state, width, final)
    consumed = reader.run()
    used = skipped + ends(consumed)
    if consumed == 0 and not final and not lines:
        state.lost = state.lost or (state.line, TOO_LONG)
        state.inside = True
        used = skipped + _even(body, dialect)
    return Piece(reader.found, used)


def _flush(state: State, final: bool) -> list[Row | Broken]:
    """At the end of the file, what was being skipped has come to its end, too."""
    if not final or state.lost is None:
        return []
    (first, why), state.lost = state.lost, None
    return [Broken(first, max(first, state.line - 1), why)]


def _even(body: bytes, dialect: Dialect) -> int:
    return len(body) // 2 * 2 if dialect.wide else len(body)


def _past_line(body: bytes, dialect: Dialect) -> int:
    """Where the next line begins; -1 when it doesn't in this piece."""
    newline = dialect.newline.encode(dialect.encoding)
    at = body.find(newline)
    while at >= 0 and dialect.wide and at % 2:
        at = body.find(newline, at + 1)
    return at if at < 0 else at + len(newline)


def _lines(body: bytes, dialect: Dialect, final: bool) -> tuple[list[str | None], Callable[[int], int]]:
    """The whole lines of a piece (None: bytes that the encoding doesn't have), and how many bytes the first n take."""
    if dialect.wide:
        return _wide_lines(body, dialect, final)
    newline = dialect.newline.encode()
    raw = body.split(newline)
    last = raw.pop()
    if final and last:
        raw.append(last)

    def ends(count: int) -> int:
        if count == len(raw):
            return len(body) if final else len(body) - len(last)
        return sum(map(len, raw[:count])) + count

    try:
        whole = body if final else body[: len(body) - len(last)]
        texts: list[str | None] = list(whole.decode(dialect.encoding).split(dialect.newline))
        return texts[: len(raw)], ends
    except UnicodeDecodeError:
        return [_decoded(line, dialect.encoding) for line in raw], ends


def _wide_lines(body: bytes, dialect: Dialect, final: bool) -> tuple[list[str | None], Callable[[int], int]]:
    newline = dialect.newline.encode(dialect.encoding)
    end = _even(body, dialect)
    if not final:
        at = body.rfind(newline, 0, end)
        while at >= 0 and at % 2:
            at = body.rfind(newline, 0, at + 1)
        end = 0 if at < 0 else at + 2
    texts = body[:end].decode(dialect.encoding, "surrogatepass").split(dialect.newline)
    last = texts.pop()
    if final and last:
        texts.append(last)

    def ends(count: int) -> int:
        if count == len(texts):
            return len(body) if final else end
        return sum(len(text.encode(dialect.encoding, "surrogatepass")) + 2 for text in texts[:count])

    return [text if text.isascii() or _sound(text) else None for text in texts], ends


def _decoded(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None


def _sound(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


@dataclass(frozen=True, slots=True)
class _Quoted:
    """`cells` up to the line `last`; or why there are none. `goes_on`: the piece ended within the row."""

    cells: list[str] | None
    last: int
    why: str = ""
    goes_on: bool = False


class _Reader:
    """Walks the lines of one piece."""

    def __init__(self, lines: list[str | None], dialect: Dialect, state: State, width: int | None, final: bool) -> None:
        self.found: list[Row | Broken] = []
        self._lines, self._dialect, self._state, self._width, self._final = lines, dialect, state, width, final

    def run(self) -> int:
        """How many lines are done with."""
        state, lines, base = self._state, self._lines, self._state.line
        at, total = 0, len(lines)
        while at < total:
            taken = self._lost(base + at, at) if state.lost else self._step(base + at, at)
            if taken == 0:
                break
            at += taken
            if self._width is None and self.found:
                break
        state.line = base + at
        if self._final and at >= total:
            self.found.extend(_flush(state, True))
        return at

    def _lost(self, line: int, at: int) -> int:
        """Skips a line, unless a row begins there."""
        text = self._lines[at]
        if text is None or not text.strip() or "\x00" in text or len(text) > MAX_ROW:
            return 1
        found = self._quoted(at, text.removesuffix("\r")) if '"' in text else None
        cells = self._alone(text) if found is None else found.cells
        if cells is None or not self._fits(cells):
            return 0 if found and found.goes_on and at else 1
        first, why = self._state.lost or (line, "")
        self._break(first, line - 1, why)
        self._state.lost = None
        return self._step(line, at)

    def _step(self, line: int, at: int) -> int:
        text = self._lines[at]
        if text is None:
            return self._break(
                line, line, f"bytes that are not {self._dialect.title}: another encoding, or a damaged file"
            )
        if "\x00" in text:
            return self._break(line, line, "a NUL byte: a damaged file")
        text = text.removesuffix("\r")
        if len(text) > MAX_ROW:
            return self._break(line, line, TOO_LONG)
        if not text.strip():
            self._state.blank = True
            return 1
        if '"' not in text:
            cells = text.split(self._dialect.delimiter)
            if len(text) > MAX_FIELD and max(map(len, cells)) > MAX_FIELD:
                return self._break(line, line, LONG_FIELD)
            return self._take(line, line, cells)
        found = self._quoted(at, text)
        if found.cells is not None:
            return self._closed(line, at, found.last, found.cells)
        if found.goes_on and at:
            return 0
        return self._give_up(line, found.why)

    def _quoted(self, at: int, text: str) -> _Quoted:
        """A row with quotes that begins at a line and may go on over others."""
        joined, last, tries = text, at, 0
        odd = text.count('"') % 2
        while tries <= MAX_EVEN_TRIES:
            if not odd or last == at or tries < MAX_TRIES:
                tries += 1
                cells, why = self._parse(joined)
                if cells is not None or why:
                    return _Quoted(cells, last, why)
            quoted = False
            while not quoted:
                last += 1
                if last - at > MAX_ROW_LINES or len(joined) > MAX_ROW:
                    return _Quoted(None, last, f"{NEVER_CLOSED}, or {TOO_LONG}")
                if last >= len(self._lines):
                    return _Quoted(None, last, NEVER_CLOSED if self._final else TOO_LONG, goes_on=not self._final)
                following = self._lines[last]
                if following is None or "\x00" in following:
                    return _Quoted(None, last, NEVER_CLOSED)
                following = following.removesuffix("\r")
                joined = f"{joined}\n{following}"
                quoted = '"' in following
                odd ^= following.count('"') % 2
        return _Quoted(None, last, NEVER_CLOSED)

    def _closed(self, line: int, at: int, last: int, cells: list[str]) -> int:
        """The quotes agree. When the number of fields doesn't, and the next line is a row of its own, then the quotes
        agreed by accident: one of them was never closed."""
        if last > at and not self._fits(cells):
            following = self._lines[at + 1]
            if following is not None and self._alone(following) is not None:
                return self._give_up(line, NEVER_CLOSED)
        self._take(line, line + last - at, cells)
        return last - at + 1

    def _give_up(self, line: int, why: str) -> int:
        """This row cannot be read; the next line that looks like a row goes on."""
        self._state.lost = (line, why)
        return 1

    def _take(self, line: int, last: int, cells: list[str]) -> int:
        width, blank = self._width, self._state.blank
        self._state.blank = False
        if width is None or len(cells) == width:
            self.found.append(Row(line, cells, blank))
        elif self._fits(cells):
            self.found.append(Row(line, cells[:width], blank))
        else:
            why = f"{len(cells)} fields, expected {width} as in the header"
            self.found.append(Broken(line, last, why, tuple(cells[:2]), blank))
        return 1

    def _break(self, first: int, last: int, why: str) -> int:
        self.found.append(Broken(first, last, why))
        self._state.blank = False
        return 1

    def _fits(self, cells: list[str]) -> bool:
        """The right number of fields; empty ones too many, as spreadsheets leave them, do no harm."""
        width = self._width
        return width is None or len(cells) == width or (len(cells) > width and not any(cells[width:]))

    def _alone(self, text: str) -> list[str] | None:
        """The fields of a line that is a row by itself."""
        text = text.removesuffix("\r")
        if "\x00" in text or len(text) > MAX_ROW:
            return None
        cells = text.split(self._dialect.delimiter) if '"' not in text else self._parse(text)[0]
        return cells if cells is not None and self._fits(cells) else None

    def _parse(self, text: str) -> tuple[list[str] | None, str]:
        """The fields; or None and why, an empty text when the row merely goes on."""
        try:
            return next(csv.reader((text,), delimiter=self._dialect.delimiter, strict=True)), ""
        except csv.Error as error:
            said = str(error)
            if "unexpected end of data" in said:
                return None, ""
            return None, LONG_FIELD if "field limit" in said else STRAY if "new-line" in said else AFTER_QUOTE
