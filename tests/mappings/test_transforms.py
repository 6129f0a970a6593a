"""Normalisers and transforms: their examples are executed, their laws hold, the README shows them as they are."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.domain import moments
from mappings import countries, currencies, formats, phones
from mappings.conversions import TRANSFORMS
from mappings.misfit import Misfit, masked
from mappings.normalisers import NORMALISERS
from mappings.reference import form_table, normaliser_table, transform_table
from mappings.transforms import settings as arguments

README = Path(__file__).parents[2] / "mappings" / "README.md"
NORMAL = [(name, example) for name, step in NORMALISERS.items() for example in step.examples]
CHANGED = [(name, example) for name, step in TRANSFORMS.items() for example in step.examples]


@pytest.mark.parametrize(("name", "example"), NORMAL)
def test_normaliser_examples(name: str, example: Any) -> None:
    apply = NORMALISERS[name].apply(example.args)
    assert apply(example.given) == example.gives
    assert apply(example.gives) == example.gives


@pytest.mark.parametrize(("name", "example"), CHANGED)
def test_transform_examples(name: str, example: Any) -> None:
    step = TRANSFORMS[name]
    args = arguments(step, example.args)
    made = step.forward(args)(example.given, example.raw or {})
    assert made == example.gives
    assert type(made) is type(example.gives)
    if step.inverse is None:
        return
    back = step.inverse(args)(example.gives, example.raw or {})
    if example.back:
        assert back == example.given
        assert type(back) is type(example.given)
    assert step.forward(args)(back, example.raw or {}) == example.gives


def test_the_readme_shows_the_steps_as_they_are() -> None:
    text = README.read_text(encoding="utf-8")
    assert normaliser_table() in text
    assert transform_table() in text
    assert form_table() in text


def test_every_step_has_examples_and_words() -> None:
    for step in (*NORMALISERS.values(), *TRANSFORMS.values()):
        assert step.examples, step.name
        assert step.about.endswith("."), step.name


@pytest.mark.parametrize("name", sorted(NORMALISERS))
@given(st.text() | st.text("<>ab '+0123456789()ext.") | st.from_regex(r"\+?[0-9 ()-]{5,16}", fullmatch=True))
@settings(deadline=None)
def test_normalisers_are_idempotent(name: str, text: str) -> None:
    apply = NORMALISERS[name].apply("US")
    try:
        once = apply(text)
    except Misfit:
        return
    assert apply(once) == once


INVERTIBLE = [
    ("number", {}, st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9, allow_nan=False)),
    ("number", {"decimal": ",", "thousands": ".", "as": "text"}, st.integers(-(10**12), 10**12) | st.floats(-1e6, 1e6)),
    ("integer", {"as": "text"}, st.integers(-(10**15), 10**15)),
    ("boolean", {"yes": "Ja", "no": "Nein"}, st.booleans()),
    ("boolean", {"yes": 1, "no": 0}, st.booleans()),
    ("micros_to_minor", {"currency": "EUR"}, st.integers(0, 10**8)),
    ("micros_to_minor", {"currency": "JPY"}, st.integers(0, 10**8)),
    ("micros_to_minor", {"currency": "KWD"}, st.integers(0, 10**8)),
    ("major_to_minor", {"currency": "EUR"}, st.integers(-(10**11), 10**11)),
    ("major_to_minor", {"currency": "KWD", "as": "text"}, st.integers(0, 10**11)),
    ("major_to_minor", {"currency": "JPY"}, st.integers(0, 10**11)),
    ("date", {}, st.dates(datetime(1000, 1, 1).date()).map(str)),
    ("date", {"format": "M/D/YYYY"}, st.dates(datetime(1000, 1, 1).date()).map(str)),
    ("datetime", {}, st.datetimes(datetime(1000, 1, 2), timezones=st.just(UTC)).map(moments.iso)),
    (
        "datetime",
        {"format": "DD.MM.YYYY hh:mm:ss A"},
        st.datetimes(datetime(1000, 1, 2), timezones=st.just(UTC)).map(lambda t: moments.iso(t.replace(microsecond=0))),
    ),
    ("epoch_ms", {}, st.datetimes(datetime(1000, 1, 2), timezones=st.just(UTC)).map(moments.iso)),
    (
        "epoch_s",
        {"as": "text"},
        st.datetimes(datetime(1000, 1, 2), timezones=st.just(UTC)).map(lambda t: moments.iso(t.replace(microsecond=0))),
    ),
    ("country_name", {}, st.sampled_from(sorted(countries.NAMES))),
    ("remove_prefix", {"prefix": "tel:"}, st.text()),
    ("default", {"value": "x"}, st.text(min_size=1)),
]


@pytest.mark.parametrize(("name", "args", "values"), INVERTIBLE)
@given(data=st.data())
@settings(deadline=None)
def test_a_transform_reads_back_what_it_wrote(name: str, args: dict[str, Any], values: Any, data: Any) -> None:
    step = TRANSFORMS[name]
    assert step.inverse is not None
    value = data.draw(values)
    remote = step.inverse(args)(value, {})
    assert step.forward(args)(remote, {}) == value


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3))
@settings(deadline=None)
def test_any_value_is_carried_or_told_a_misfit(name: str, value: Any) -> None:
    step = TRANSFORMS[name]
    needed = {"currency": "EUR", "separator": ";", "prefix": "x", "value": "x"}
    args = {arg.name: needed[arg.name] for arg in step.args if arg.required}
    for make in (step.forward, step.inverse):
        if make is not None:
            with contextlib.suppress(Misfit):
                make(args)(value, {})


NATIONAL = st.from_regex(r"[(]?[0-9]{2,4}[)]?(?:[ ./-]?[0-9]{1,4}){1,4}", fullmatch=True)
CODES = st.sampled_from(
    ["", "+1", "+49 ", "+33-", "+44 ", "+31", "+39 ", "+34", "+7", "+52", "+351 ", "0049", "+", "1", "0"]
)


@given(CODES, NATIONAL)
@settings(deadline=None, max_examples=300)
def test_phones_agree_with_the_library(code: str, national: str) -> None:
    """The quick way through the common forms says what the library says."""
    for region in (None, "US", "CA", "DE", "GB", "FR"):
        agrees(code + national, region)


def agrees(text: str, region: str | None) -> bool:
    """Whether the quick way knows the number; if so, it must know it as the library does."""
    quick = phones._quick(text, region)
    if quick is not None:
        number = phonenumbers.parse(text, region)
        assert phonenumbers.is_possible_number(number), (text, region)
        assert quick == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), (text, region)
    return quick is not None


@pytest.mark.parametrize("region", phones._SIMPLE)
def test_phones_of_a_country_agree_with_the_library(region: str) -> None:
    """Beginnings of three digits in several lengths, written for within the country and for abroad."""
    known = 0
    for start in range(0, 1_000, 7):
        for length in (5, 8, 9, 10, 11):
            national = f"{start:03d}{7654321098:010d}"[:length]
            known += agrees(national, region)
            known += agrees(f"+{phonenumbers.country_code_for_region(region)}{national}", None)
    assert known > 70


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("415.555.0100", "US", "+14155550100"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("+39 06 698 12345", None, "+390669812345"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("reception, ask for Anna", "US", None),
        ("12", "US", None),
        ("030 1234567", None, None),
        ("9" * 200, "US", None),
    ],
)
def test_phones(text: str, region: str | None, expected: str | None) -> None:
    assert phones.number_of(text, region) == expected


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("DD.MM.YYYY", "31.01.2026", datetime(2026, 1, 31)),
        ("DD.MM.YYYY", "1.1.2026", None),
        ("D.M.YYYY", "30.2.2026", None),
        ("M/D/YYYY h:mm A", "1/5/2026 12:05 am", datetime(2026, 1, 5, 0, 5)),
        ("M/D/YYYY h:mm A", "1/5/2026 13:05 PM", None),
        ("YYYY-MM-DD HH:mm:ss", "2026-01-05 23:59:60", None),
    ],
)
def test_formats(form: str, text: str, expected: datetime | None) -> None:
    made = formats.compiled(form)
    assert made is not None
    assert made.read(text) == expected


@pytest.mark.parametrize(
    "form", ["", "YYYY", "DD.MM", "DD.MM.YY", "YYYY-MM-DD%s", "DD.DD.YYYY", "YYYY-MM-DD h:mm", "(.*)+"]
)
def test_what_is_no_format(form: str) -> None:
    assert formats.compiled(form) is None


@given(st.text(alphabet="YMDHhmsA ./:-T", max_size=25), st.text(max_size=30))
@settings(deadline=None)
def test_formats_never_crash(form: str, text: str) -> None:
    made = formats.compiled(form)
    if made is not None:
        made.read(text)


@given(st.dates(datetime(1000, 1, 1).date()), st.sampled_from(["D.M.YYYY", "YYYY/MM/DD", "MM-DD-YYYY"]))
@settings(deadline=None)
def test_formats_read_what_they_write(day: Any, form: str) -> None:
    made = formats.compiled(form)
    assert made is not None
    moment = datetime(day.year, day.month, day.day)
    assert made.read(made.write(moment)) == moment


def test_countries_by_name_and_code() -> None:
    assert countries.code_of(" the netherlands ") == "NL"
    assert countries.code_of("CÔTE D'IVOIRE") == "CI"
    assert countries.code_of("congo-kinshasa") == "CD"
    assert countries.code_of("") is None
    assert countries.code_of("K\u00dd") is None
    assert countries.code_of("uk") == "GB"
    for code, name in countries.NAMES.items():
        assert countries.code_of(code.lower()) == code
        assert countries.code_of(name) == code


def test_every_country_that_has_phones_is_known() -> None:
    shared = {"AC", "TA"}
    assert set(phonenumbers.SUPPORTED_REGIONS) - shared <= set(countries.NAMES)


def test_money_is_exact() -> None:
    read = TRANSFORMS["major_to_minor"].forward({"currency": "EUR"})
    assert read(0.29, {}) == 29
    assert read("1.005", {}) == 100
    assert read("1.015", {}) == 102
    assert currencies.exponent("CLF") == 4
    with pytest.raises(Misfit):
        read("1,5", {})
    with pytest.raises(Misfit):
        read(1e30, {})


def test_a_missing_currency_is_a_misfit() -> None:
    step = TRANSFORMS["micros_to_minor"].forward({"currency": "customer.currencyCode"})
    assert step(1_000_000, {"customer": {"currencyCode": "EUR"}}) == 100
    with pytest.raises(Misfit):
        step(1_000_000, {"customer": {}})


@given(st.text(min_size=1))
@settings(deadline=None)
def test_masking_keeps_no_letter_and_no_digit(text: str) -> None:
    shape = masked(text).rpartition(" (")[0]
    kept = {c for c in shape if c.isalnum()}
    assert kept <= {"x", "9"}


@given(st.floats(allow_nan=True, allow_infinity=True))
@settings(deadline=None)
def test_numbers_are_finite(number: float) -> None:
    read = TRANSFORMS["number"].forward({})
    assume(number != number or abs(number) > 1e15)
    with pytest.raises(Misfit):
        read(number, {})
