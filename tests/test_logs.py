"""Nothing that names a person or opens a door gets into a log."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog
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


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


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


NAMES = st.text("abcdefghijklmnopqrstuvwxyzäöü0123456789.'+_-", min_size=1, max_size=20)


@settings(max_examples=500)
@given(NAMES, st.from_regex(r"[a-z0-9]{1,10}(\.[a-z]{2,6}){1,2}", fullmatch=True), st.text(max_size=30), st.text())
def test_no_address_survives_in_any_text(local: str, domain: str, before: str, after: str) -> None:
    address = f"{local}@{domain}"
    assert address not in logs.redacted(f"{before} {address} {after}")


@pytest.mark.parametrize(
    "text", ["2026-01-05T09:00:00+00:00", "HTTP 429 after 3 tries", "crm/contacts 12,345 records", "mappings/a.yaml:12"]
)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert logs.redacted(text) == text
