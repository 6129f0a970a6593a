"""Nothing that names a person or opens a door gets into a log."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import logs

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


class Sink:
    def __init__(self, level: str = "info", form: str = "json") -> None:
        self.stream = io.StringIO()
        logs.start(level, form, lambda: AT, self.stream)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text().splitlines()]

    def text(self) -> str:
        return self.stream.getvalue()


def test_a_line_says_when_where_and_what() -> None:
    sink = Sink()
    logs.log("hub.transport").bind(connection="crm").info("page read", records=100, took=0.5)
    assert sink.lines() == [
        {
            "event": "page read",
            "connection": "crm",
            "records": 100,
            "took": 0.5,
            "level": "info",
            "logger": "hub.transport",
            "at": "2026-01-05T09:00:00.000+00:00",
        }
    ]


@pytest.mark.parametrize("form", ["json", "console"])
def test_keys_and_texts_are_redacted_at_any_depth(form: str) -> None:
    sink = Sink(form=form)
    logs.log("x").warning(
        "refused ada@byron.example",
        access_token="tok-123456",
        record={"firstname": "Ada", "properties": [{"MobilePhone": "12345", "note": "call +49 30 23125 123 now"}]},
        url="postgresql://hub:pa55word@db/hub?access_token=qwertz1",
        headers={"Authorization": "Bearer abcdef123"},
        text="Basic dXNlcjpwYXNz and eyJhbGciOiJI.eyJzdWIiOiJ4.sig and GET /x?email=ada%40byron.example&x=1",
        body=b"ada@byron.example",
        records_seen=4,
    )
    said = sink.text()
    for leak in ("ada", "Ada", "tok-1", "12345", "23125", "pa55", "qwertz1", "abcdef1", "dXNl", "eyJ"):
        assert leak not in said, leak
    assert "records_seen" in said
    assert "(17 bytes)" in said


def test_exceptions_and_other_libraries_take_the_same_way() -> None:
    sink = Sink("debug")
    try:
        raise ValueError("no such person: ada@byron.example")
    except ValueError as error:
        logs.log("x").exception("failed", error=error)
    logging.getLogger("httpx").info("HTTP Request: GET https://a.example/?email=%s", "ada@byron.example")
    assert "ada" not in sink.text()
    first, second = sink.lines()
    assert "ValueError: no such person: [e-mail]" in str(first["exception"])
    assert first["error"] == "ValueError: no such person: [e-mail]"
    assert second["logger"] == "httpx"


def test_before_the_start_nothing_goes_to_stdout() -> None:
    program = "from hub.logs import log; log('x').info('a', n=1); log('x').warning('b of ada@byron.example')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == "b of [e-mail]\n"


def test_levels_and_chatter() -> None:
    sink = Sink("info")
    logs.log("x").debug("not this")
    logging.getLogger("httpx").info("nor this")
    logging.getLogger("other").info("this")
    assert [line["event"] for line in sink.lines()] == ["this"]


def test_objects_show_their_type_alone_and_sizes_are_bounded() -> None:
    class Person:
        def __repr__(self) -> str:
            return "Ada"

    sink = Sink()
    deep: list[object] = []
    for _ in range(50):
        deep = [deep]
    logs.log("x").info("odd", who=Person(), long="x" * 10_000, many=list(range(1000)), deep=deep, bad="\ud800")
    assert "Ada" not in sink.text()
    assert len(sink.text()) < 3_500
    assert sink.lines()


def test_a_long_traceback_still_says_what_went_wrong() -> None:
    sink, error = Sink(), Exception("the first")
    for said in [*(f"a library made another error of it, {n}" for n in range(40)), "the last, ada@byron.example"]:
        try:
            raise LookupError(said) from error
        except LookupError as raised:
            error = raised
    logs.log("x").error("failed", exc_info=error)
    shown = str(sink.lines()[0]["exception"])
    assert shown.startswith("Exception: the first")
    assert shown.endswith("LookupError: the last, [e-mail]")
    assert len(shown) < 10_000


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["ada.lovelace@byron.example", "Bearer abcdefghijkl"]), st.integers(0, 4_000), st.booleans())
def test_a_cut_leaves_nothing_of_what_it_goes_through(planted: str, at: int, lines: bool) -> None:
    filler = "word word word\n" if lines else "word "
    text = (filler * 2_000)[:at] + f" {planted} " + (filler * 2_000)[:16_000]
    said = logs.redacted(text)
    assert "ada" not in said
    assert "abc" not in said


def test_no_pattern_ever_looks_at_a_text_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some texts take it the square of their length, and everything in the process waits meanwhile."""
    looked_at: list[int] = []

    class Counting:
        def sub(self, mark: str, text: str) -> str:
            looked_at.append(len(text))
            return text

    monkeypatch.setattr(logs, "PATTERNS", ((Counting(), "x"),))
    for text in ("a" * 1_000_000, "a\n" * 1_000_000, "a" * 1_000_000 + "\nb"):
        logs.redacted(text)
    assert max(looked_at) <= 10_000


NAMES = st.text("abcdefghijklmnopqrstuvwxyzäöü0123456789.'+_-", min_size=1, max_size=20)


@settings(max_examples=500)
@given(NAMES, st.from_regex(r"[a-z0-9]{1,10}(\.[a-z]{2,6}){1,2}", fullmatch=True), st.text(max_size=30), st.text())
def test_no_address_survives_in_any_text(local: str, domain: str, before: str, after: str) -> None:
    address = f"{local}@{domain}"
    assert address not in logs.redacted(f"{before} {address} {after}")


def test_addresses_side_by_side_all_go() -> None:
    assert "bob" not in logs.redacted("?a=ada@byron.example=1&bob@byron.example&c=1")


@pytest.mark.parametrize(
    "text", ["2026-01-05T09:00:00+00:00", "HTTP 429 after 3 tries", "crm/contacts 12,345 records", "mappings/a.yaml:12"]
)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert logs.redacted(text) == text


# --- whatever is planted, wherever --------------------------------------------------------------------------------

DIGITS = "0123456789"
TOKEN_TEXT = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=24, max_size=40)
E_MAILS = st.from_regex(r"[a-z]{2,8}\.[a-z]{2,9}@[a-z]{3,9}\.example", fullmatch=True)
PHONES = st.one_of(
    st.builds("+{} {} {}".format, st.integers(1, 99), st.integers(100, 999), st.integers(100_000, 9_999_999)),
    st.builds("+{}{}".format, st.integers(1, 99), st.integers(100_000_000, 999_999_999)),
    st.builds("({:03}) {}-{}".format, st.integers(30, 999), st.integers(100, 999), st.integers(1000, 9999)),
    st.builds("{}-{}-{}".format, st.integers(200, 999), st.integers(200, 999), st.integers(1000, 9999)),
)
SECRETS = st.one_of(
    TOKEN_TEXT.map("Bearer {}".format),
    TOKEN_TEXT.map("access_token={}".format),
    TOKEN_TEXT.map("pat-eu1-{}".format),
    TOKEN_TEXT.map("ya29.{}".format),
    st.text("0123456789abcdef", min_size=32, max_size=32).map("{}-us21".format),
    TOKEN_TEXT.map("https://hooks.slack.com/services/T0AAAAAAA/B0AAAAAAA/{}".format),
    TOKEN_TEXT.map("postgresql://hub:{}@db.example/hub".format),
    TOKEN_TEXT.map("redis://:{}@db.example/hub".format),
    TOKEN_TEXT.map('"access_token": "{}'.format),
    TOKEN_TEXT.map("'client_secret': '{}".format),
)
PLANTED = st.one_of(E_MAILS, PHONES, SECRETS)
WORDS = st.from_regex(r"[a-z]{1,8}( [a-z]{1,8}){0,3}", fullmatch=True)


OPENINGS = ("postgresql://hub:", "redis://:", '"access_token": "', "'client_secret': '")


def _secret_of(planted: str) -> str:
    """The part of what was planted that nobody may read."""
    for start in ("Bearer ", "access_token=", "https://hooks.slack.com/services/", *OPENINGS):
        if planted.startswith(start):
            return planted.removeprefix(start).removesuffix("@db.example/hub")
    return planted


PLACES = ["event", "value", "key", "bound", "context", "exception", "library", "argument"]
HERE = "§"
SENTENCE = st.builds("{} {} {}".format, WORDS, st.just(HERE), WORDS) | st.just(HERE)
FORMS = st.recursive(
    SENTENCE | st.builds(ValueError, SENTENCE) | st.builds(KeyError, SENTENCE),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.tuples(inner, st.integers()),
        st.dictionaries(WORDS, inner, min_size=1, max_size=3),
        st.dictionaries(SENTENCE, st.integers(), min_size=1, max_size=2),
    ),
    max_leaves=4,
)
"""Values of any form with a place in them: a value, a key, a member, within a sentence, within an error."""


def _with(value: object, planted: str) -> object:
    """The form with the text in its places."""
    if isinstance(value, str):
        return value.replace(HERE, planted)
    if isinstance(value, Exception):
        return type(value)(str(value.args[0]).replace(HERE, planted))
    if isinstance(value, dict):
        return {_with(key, planted): _with(item, planted) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with(item, planted) for item in value)
    return value


@settings(max_examples=300, deadline=None)
@given(PLANTED, FORMS, st.sampled_from(PLACES), st.sampled_from(["json", "console"]))
def test_what_is_planted_anywhere_in_an_event_is_never_written(
    planted: str, shape: object, place: str, form: str
) -> None:
    value = _with(shape, planted)
    sink = Sink("debug", form)
    logger = logs.log("x")
    match place:
        case "event":
            logger.info(str(value))
        case "value":
            logger.info("seen", value=value)
        case "key":
            logger.info("seen", **{str(value): 1})
        case "bound":
            logger.bind(value=value).warning("seen")
        case "context":
            with logs.bound(connection=str(value)):
                logger.info("seen")
        case "exception":
            try:
                raise RuntimeError(value)
            except RuntimeError:
                logger.exception("failed")
        case "library":
            logging.getLogger("other").warning("said %s", value)
        case "argument":
            logging.getLogger("other").warning("said %(value)s", {"value": value})
    assert sink.text()
    assert _secret_of(planted) not in sink.text()


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_opened_secret_is_concealed_in_whatever_words_it_comes(form: str) -> None:
    secret, longer = "correct horse/battery", "correct horse/battery staple"
    logs.conceal("crm", secret, longer, "short")
    sink = Sink("debug", form)
    logs.log("x").info(f"asked for {longer}!", why=[secret], n={"inner": ValueError(f"no {secret}")}, short="short")
    logging.getLogger("other").warning("GET /v1/correct%20horse%2Fbattery?x=1")
    assert "horse" not in sink.text()
    assert "staple" not in sink.text()
    assert "short" in sink.text()


def test_tokens_that_come_and_go_are_concealed_as_long_as_they_may_be_used() -> None:
    for number in range(50):
        logs.conceal("crm token", f"token-number-{number:02}")
    assert logs.redacted("token-number-49 token-number-48") == f"{logs.SECRET} {logs.SECRET}"
    assert logs.redacted("token-number-00") == "token-number-00"


async def test_what_is_bound_is_in_every_line_of_the_block_and_of_its_tasks() -> None:
    sink = Sink()

    async def task() -> None:
        logs.log("y").info("from a task")

    with logs.bound(run="run_1", connection="crm", stream="", lane="live"):
        logs.log("x").info("inside")
        await asyncio.create_task(task())
        logging.getLogger("other").warning("from a library")
        assert logs.names() == {"run": "run_1", "connection": "crm", "lane": "live"}
        with logs.bound(stream="contacts", lane="consent"):
            logs.log("x").info("deeper")
        logs.log("x").info("again")
    logs.log("x").info("outside")
    names = [{k: v for k, v in line.items() if k in ("run", "connection", "stream", "lane")} for line in sink.lines()]
    usual = {"run": "run_1", "connection": "crm", "lane": "live"}
    assert names == [usual, usual, usual, {**usual, "stream": "contacts", "lane": "consent"}, usual, {}]
