"""Files that others open: no formula runs, no value is lost, no batch is needed whole."""

from __future__ import annotations

import csv
import io

import orjson
import pyarrow.parquet as parquet  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.operations.spreadsheets import SHEETS, safe_cell

COLUMNS = {"id": "text", "email": "text", "emails": "texts", "clicks": "integer", "rate": "number", "vip": "boolean"}
ROWS: list[dict[str, object]] = [
    {"id": "con_1", "email": "ann@example.com", "emails": ("a@x.example", "b@x.example"), "clicks": 3, "vip": True},
    {"id": "con_2", "email": None, "rate": 0.5, "vip": False},
    {"id": "con_3", "email": 'O"Brien, 🎉\nline', "emails": ()},
]


def written(form: str, batches: list[list[dict[str, object]]]) -> bytes:
    out = io.BytesIO()
    sheet = SHEETS[form](out, COLUMNS)
    for batch in batches:
        sheet.write(batch)
    sheet.close()
    return out.getvalue()


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "+1=2"]
)
def test_what_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["+1 (212) 555-0147", "-12.5", "+49 30 23125", "ann@example.com", "", "a=b", "'=1"])
def test_numbers_telephones_and_harmless_texts_stay(text: str) -> None:
    assert safe_cell(text) == text


@given(st.text())
def test_no_cell_begins_like_a_formula_unless_it_is_a_number(text: str) -> None:
    cell = safe_cell(text)
    if cell[:1] in ("=", "@", "\t", "\r", "\n"):
        pytest.fail(repr(cell))
    if cell[:1] in ("+", "-"):
        assert set(cell[1:]) <= set("0123456789 .()/-") | {c for c in cell if c.isdigit()}
    assert cell.removeprefix("'") == text.removeprefix("'")


def test_csv_reads_back_with_quotes_line_ends_and_emoji() -> None:
    text = written("csv", [ROWS[:2], ROWS[2:]]).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [r["id"] for r in rows] == ["con_1", "con_2", "con_3"]
    assert rows[0]["emails"] == "a@x.example;b@x.example"
    assert (rows[0]["clicks"], rows[0]["vip"], rows[1]["vip"], rows[1]["rate"]) == ("3", "true", "false", "0.5")
    assert rows[2]["email"] == 'O"Brien, 🎉\nline'
    assert rows[1]["email"] == ""


def test_jsonl_keeps_missing_null_and_empty_apart() -> None:
    lines = [orjson.loads(line) for line in written("jsonl", [ROWS]).splitlines()]
    assert "emails" not in lines[1]
    assert lines[1]["email"] is None
    assert lines[2]["emails"] == []


def test_parquet_has_typed_columns_and_a_row_group_per_batch() -> None:
    file = parquet.ParquetFile(io.BytesIO(written("parquet", [ROWS[:2], [], ROWS[2:]])))
    assert file.num_row_groups == 2
    assert [str(f.type) for f in file.schema_arrow] == [
        "string",
        "string",
        "list<element: string>",
        "int64",
        "double",
        "bool",
    ]
    table = file.read().to_pylist()
    assert table[0]["emails"] == ["a@x.example", "b@x.example"]
    assert table[1]["clicks"] is None
    assert table[2]["email"] == 'O"Brien, 🎉\nline'
