"""What reaches the terminal: one JSON document, texts without control characters, errors that say how to mend them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cli.screen import cut, document, fail, plain
from hub.domain.keys import Address, Key
from hub.errors import BadInput, Complaint, NeedsPerson


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Answer:
    colour: Colour
    where: Path
    counts: Mapping[str, int]
    at: Address


def test_a_frozen_answer_becomes_one_document() -> None:
    answer = Answer(Colour.RED, Path("/tmp/x"), MappingProxyType({"read": 1}), Address("crm", "contacts", "7"))
    assert orjson.loads(document(answer)) == {
        "colour": "red",
        "where": "/tmp/x",
        "counts": {"read": 1},
        "at": {"connection": "crm", "stream": "contacts", "remote_id": "7"},
    }


def test_a_key_is_written_with_its_names() -> None:
    assert orjson.loads(document({"key": Key("email", "a@x.example")})) == {
        "key": {"kind": "email", "value": "a@x.example"}
    }


@given(st.text())
def test_no_text_of_a_record_can_move_the_cursor(text: str) -> None:
    assert plain(text).replace("\u200d", "").replace("\u200c", "").isprintable()
    assert len(cut(text, 10)) <= 10


def test_values_read_as_people_write_them() -> None:
    assert plain(("a", "b")) == "a, b"
    assert plain(None) == ""
    assert plain(True) == "yes"
    assert plain("👩\u200d💻 \u202eevil") == "👩\u200d💻 �evil"
    assert plain("two\nlines\x1b[31m") == "two⏎lines�[31m"


def test_an_expected_error_says_where_what_and_how_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    complaint = Complaint("--set page_size", '"many"', "a valid integer", "write a number")
    code = fail(BadInput("the settings cannot be used", complaints=(complaint,), mend="try again"), as_json=False)
    shown = capsys.readouterr()
    assert code == 1
    assert shown.out == ""
    for part in ("the settings cannot be used", "--set page_size", "a valid integer", "write a number", "try again"):
        assert part in shown.err
    assert "Traceback" not in shown.err


def test_the_same_error_as_json_is_the_only_thing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    code = fail(NeedsPerson("two contacts share the key", mend="answer issue 7"), as_json=True)
    shown = capsys.readouterr()
    assert code == 3
    assert orjson.loads(shown.out) == {
        "ok": False,
        "error": {
            "kind": "NeedsPerson",
            "message": "two contacts share the key",
            "mend": "answer issue 7",
            "complaints": [],
        },
    }
    assert shown.err == ""


def test_a_defect_shows_its_traceback_on_stderr_and_still_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        raise ZeroDivisionError("secret detail")
    assert fail(caught.value, as_json=True) == 1
    shown = capsys.readouterr()
    assert orjson.loads(shown.out)["error"]["kind"] == "ZeroDivisionError"
    assert "secret detail" not in shown.out
    assert "Traceback" in shown.err
