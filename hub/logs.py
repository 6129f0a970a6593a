"""Logs: structured, on stderr, and free of secrets and personal data whoever writes them.

`start` is called once by a program; `log(__name__)` gives a logger anywhere, and `bound` names the work under way in
every line of it. What other libraries log through the standard library takes the same way out.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from pathlib import PurePath
from typing import Any, TextIO
from urllib.parse import quote

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
QUIET = ("httpx", "httpcore", "hpack", "sqlalchemy.engine", "aiosqlite", "asyncio", "alembic")
"""Libraries that log every call: only their warnings are kept, except at level debug."""
TELLTALE = ("sqlalchemy.engine", "aiosqlite", "hpack")
"""Libraries whose debug lines hold statements with their parameters, or headers: people's names and tokens among them.
They stay quiet at every level."""

TEXT_MAX = 2_000
LINES_MAX = 6_000
"""Characters of the last lines of a longer text: a traceback says at its end what went wrong."""
CUT_MAX = 500
"""Characters that are given up before a cut: half a secret is not known for one."""
DEPTH_MAX = 6
ITEMS_MAX = 50

SECRET, PERSONAL, E_MAIL, PHONE = "[secret]", "[personal]", "[e-mail]", "[phone]"
SECRET_KEYS = re.compile(
    r"secret|password|passwd|token|authori[sz]ation|api_?-?key|private_?key|assertion|cookie|credential|signature",
    re.IGNORECASE,
)
PERSONAL_KEYS = re.compile(
    r"e-?mails?$|^e-?mail|phone|mobile|(first|last|given|family|full|middle|sur)_?name|^[fl]name$|street|postal|^zip|"
    r"address$|birth",
    re.IGNORECASE,
)
_BEFORE_AT = r"[^\s\"<>(),;:=/\\\[\]]"
_AFTER_AT = r"[^\s\"'<>(),;:&?/\\\[\]]"
PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic|oauth)\s+[a-z0-9._~+/=-]{6,}"), rf"\1 {SECRET}"),
    (re.compile(r"(?i)\b([a-z_]*(?:token|secret|password|assertion|api_?key))=[^&\s\"']+"), rf"\1={SECRET}"),
    (
        re.compile(r"(?i)([\"'][a-z_]*(?:token|secret|password|assertion|api_?key)\\?[\"']\s*:\s*\\?[\"'])[^\"'\\]+"),
        rf"\1{SECRET}",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), SECRET),
    (re.compile(r"\bpat-[a-z]{2,3}\d-[\w-]{8,}|\bya29\.[\w-]{8,}|\b1//[\w-]{20,}|\b[0-9a-f]{32}-us\d{1,3}\b"), SECRET),
    (re.compile(r"\b00D\w{12,15}![\w.]{8,}|\bsk[-_]\w+[-_]\w{8,}|\bxox[a-z]-[\w-]{8,}"), SECRET),
    (re.compile(r"(?<=//hooks\.slack\.com/)[\w/-]+"), SECRET),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), SECRET),
    (re.compile(rf"(?:(?<!{_BEFORE_AT})|(?=['&?])){_BEFORE_AT}+(?:@|%40){_AFTER_AT}+\.{_AFTER_AT}{{2,}}"), E_MAIL),
    (re.compile(r"\+\s?\(?\d[\d\s()./-]{6,18}\d"), PHONE),
    (re.compile(r"\(0?\d{2,5}\)\s?\d[\d\s/-]{4,12}\d|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b"), PHONE),
)
CONCEALED_LEAST = 8
"""Characters of a text that is concealed wherever it comes: a shorter one may be part of any word."""
OWN_KEYS = frozenset({"_record", "_from_structlog"})
"""What the library itself puts into an event, and takes out again."""

_opened: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
_concealed: tuple[str, ...] = ()


def conceal(whose: str, *secrets: str) -> None:
    """From here on none of these texts is logged, whoever writes it and in whatever words. For every secret that the
    process opens. Of what is `whose`, the set given last and the one before are concealed: tokens come and go."""
    global _concealed  # replaced whole: other threads log, too
    forms = frozenset(f for s in secrets for f in (s, quote(s, safe="")) if len(f) >= CONCEALED_LEAST)
    last, before = _opened.get(whose, (frozenset(), frozenset()))
    _opened[whose] = (forms, before if forms == last else last)
    known = frozenset[str]().union(*(each for pair in _opened.values() for each in pair))
    _concealed = tuple(sorted(known, key=lambda form: (-len(form), form)))


@contextmanager
def bound(**names: str) -> Iterator[None]:
    """Every line that the block logs, and the tasks made in it, has these names: run, job, connection, stream, lane.
    Empty ones are left out."""
    with structlog.contextvars.bound_contextvars(**{key: name for key, name in names.items() if name}):
        yield


def names() -> Mapping[str, str]:
    """What `bound` gives the lines of the work under way."""
    return structlog.contextvars.get_contextvars()


def redacted(text: str) -> str:
    """The text without what is concealed, or looks like a secret, an e-mail address or a phone number. Of a long one,
    the beginning and the last lines."""
    for secret in _concealed:
        if secret in text:
            text = text.replace(secret, SECRET)
    if len(text) <= TEXT_MAX + CUT_MAX:
        marked = _marked(text)
        return marked if len(marked) <= TEXT_MAX else f"{marked[:TEXT_MAX]}… ({len(marked)} characters)"
    head = _marked(text[: TEXT_MAX + CUT_MAX])[:-CUT_MAX][:TEXT_MAX]
    _, _, lines = text[TEXT_MAX:][-LINES_MAX:].partition("\n")  # whole ones: nothing in them is cut in two
    return f"{head}… ({len(text)} characters)" + (f" …\n{_marked(lines)}" if lines else "")


def _marked(text: str) -> str:
    """To be given texts of bounded size only: some texts take the patterns the square of their length."""
    for pattern, mark in PATTERNS:
        text = pattern.sub(mark, text)
    return text


def clean(value: Any, depth: int = 0) -> Any:
    """The value as it may be logged: plain JSON, with what keys and texts give away taken out. Objects that are not
    plain values show their type only, for their `repr` may hold anything."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return clean(value.value, depth)
    if isinstance(value, str | PurePath):
        return redacted(str(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {redacted(str(value))}"
    if isinstance(value, bytes | bytearray):
        return f"({len(value)} bytes)"
    if depth >= DEPTH_MAX:
        return "…"
    if isinstance(value, Mapping):
        return {redacted(str(key)): _named(str(key), item, depth + 1) for key, item in list(value.items())[:ITEMS_MAX]}
    if isinstance(value, Sequence | set | frozenset):
        return [clean(item, depth + 1) for item in list(value)[:ITEMS_MAX]]
    return f"<{type(value).__name__}>"


def _named(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if SECRET_KEYS.search(key):
        return SECRET
    return PERSONAL if PERSONAL_KEYS.search(key) else clean(value, depth)


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The processor that stands before every renderer. Numbers under secret keys go as well; counts should have
    names of their own."""
    return {
        key if key in OWN_KEYS else redacted(key): value if key in OWN_KEYS else _named(key, value, 0)
        for key, value in event.items()
    }


def log(room: str) -> Any:
    """A logger that names its room; bind more with `.bind(connection=...)`. Before `start`, warnings go to stderr by
    the standard library's way, and nothing ever to stdout."""
    if not structlog.is_configured():
        _configure([structlog.stdlib.add_log_level, redact, structlog.stdlib.render_to_log_kwargs])
    return structlog.stdlib.get_logger(room)


def _configure(processors: Sequence[Processor]) -> None:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *processors],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def start(level: str, form: str, clock: Callable[[], datetime], stream: TextIO | None = None) -> None:
    """Begins logging to `stream` (default stderr). `level` is one of `LEVELS`; `form` is "json", "console" or "auto":
    console for a terminal, else JSON. May be called again: the last call counts."""
    colours = (stream or sys.stderr).isatty()
    console = form == "console" or (form == "auto" and colours)

    def stamp(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["at"] = clock().isoformat(timespec="milliseconds")
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        stamp,
        structlog.processors.format_exc_info,
        redact,
    ]
    _configure([*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter])
    handler = _Out(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(console, colours)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [*(other for other in root.handlers if not isinstance(other, _Out)), handler]
    root.setLevel(LEVELS[level])
    for name in QUIET:
        loud = level == "debug" and name not in TELLTALE
        logging.getLogger(name).setLevel(logging.DEBUG if loud else logging.WARNING)


class _Out(logging.StreamHandler[TextIO]):
    """Writes to the stream given, or to whatever stderr is at the moment of writing."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream or sys.stderr)
        self._given = stream

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = self._given or sys.stderr
        super().emit(record)


def _renderer(console: bool, colours: bool) -> Processor:
    if console:
        plain = structlog.dev.plain_traceback
        return structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="at", exception_formatter=plain)
    return structlog.processors.JSONRenderer(serializer=_json)


def _json(event: Any, **_: Any) -> str:
    """One line of JSON; a text that is not proper Unicode is written with question marks."""
    try:
        return orjson.dumps(event).decode()
    except TypeError:
        return orjson.dumps(
            {key: str(value).encode(errors="replace").decode() for key, value in event.items()}
        ).decode()
