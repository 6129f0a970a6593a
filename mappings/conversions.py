"""The transforms: numbers, money, dates, words, defaults; undone in reverse when writing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mappings import countries, currencies, days, kinds
from mappings.misfit import Misfit
from mappings.paths import MISSING, getter
from mappings.shapes import Integer, Scalar, Text
from mappings.transforms import Arg, Args, BadArgument, Example, Raw, Step, Transform, plain_step
from mappings.tree import text_of

_AS = Arg("as", Text("number or text", ("number", "text")), "what is written: `number` (default) or `text`")


# -- numbers ------------------------------------------------------------------------------------------------------


def _number(args: Args) -> Step:
    point, thousands = args.get("decimal", "."), args.get("thousands", "")
    if point == thousands:
        raise BadArgument("thousands", "another character than `decimal`")

    def read(value: Any) -> Any:
        if isinstance(value, str):
            if thousands:
                value = value.replace(thousands, "")
            if point != ".":
                if "." in value:
                    raise Misfit(f"a number with {point!r} before its decimals")
                value = value.replace(point, ".")
        return kinds.number(value)

    return plain_step(read)


def _number_back(args: Args) -> Step:
    point = args.get("decimal", ".")

    def write(value: Any) -> Any:
        found = currencies.decimal(value)
        if args.get("as") != "text":
            return currencies.number(found)
        digits = f"{found:f}"
        return (digits if len(digits) <= 40 else str(found)).replace(".", point)

    return plain_step(write)


def _integer_back(args: Args) -> Step:
    if args.get("as") == "text":
        return plain_step(lambda value: str(kinds.integer(value)))
    return plain_step(kinds.integer)


def _boolean(args: Args) -> Step:
    yes, no = text_of(args.get("yes", True)).casefold(), text_of(args.get("no", False)).casefold()
    if yes == no:
        raise BadArgument("no", "another value than `yes`")
    own = "yes" in args or "no" in args

    def read(value: Any) -> Any:
        word = text_of(value).strip().casefold()
        if word in (yes, no):
            return word == yes
        if own:
            raise Misfit(f'"{yes}" or "{no}"')
        return kinds.boolean(value)

    return plain_step(read)


def _boolean_back(args: Args) -> Step:
    yes, no = args.get("yes", True), args.get("no", False)
    return plain_step(lambda value: yes if kinds.boolean(value) else no)


# -- money --------------------------------------------------------------------------------------------------------


def _exponent(args: Args) -> Callable[[Raw], int]:
    said = args["currency"]
    if currencies.is_code(said):
        digits = currencies.exponent(said)
        return lambda _raw: digits
    get = getter(said)

    def find(raw: Raw) -> int:
        found = get(raw)
        return currencies.exponent(found.strip().upper() if isinstance(found, str) else None)

    return find


def _to_minor(micros: bool) -> Callable[[Args], Step]:
    def make(args: Args) -> Step:
        exponent = _exponent(args)

        def read(value: Any, raw: Raw) -> Any:
            amount = currencies.decimal(value).scaleb(-6) if micros else currencies.decimal(value)
            return currencies.whole(amount.scaleb(exponent(raw)))

        return read

    return make


def _micros_back(args: Args) -> Step:
    exponent = _exponent(args)
    return lambda value, raw: currencies.whole(Decimal(kinds.integer(value)).scaleb(6 - exponent(raw)))


def _major_back(args: Args) -> Step:
    exponent = _exponent(args)

    def write(value: Any, raw: Raw) -> Any:
        amount = Decimal(kinds.integer(value)).scaleb(-exponent(raw))
        return f"{amount:f}" if args.get("as") == "text" else currencies.number(amount)

    return write


_CURRENCY = Arg("currency", Text("a currency code or the path of one"), "ISO 4217 code, or the path of one", True, True)


# -- words --------------------------------------------------------------------------------------------------------


def _default(args: Args) -> Step:
    value = args["value"]
    return lambda given, _raw: value if given is None or given == "" or given is MISSING else given


def _same(_args: Args) -> Step:
    return lambda value, _raw: value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Misfit("a text")
    return value


def _take(args: Args) -> Step:
    separator, index = args["separator"], args.get("index", 0)

    def read(value: Any) -> Any:
        parts = _text(value).split(separator, index + 1)
        return parts[index].strip() if index < len(parts) else ""

    return plain_step(read)


def _first_word(value: Any) -> Any:
    return next(iter(_text(value).split()), "")


def _other_words(value: Any) -> Any:
    return " ".join(_text(value).split()[1:])


def _prefix(args: Args) -> Step:
    prefix = args["prefix"]
    return plain_step(lambda value: _text(value).removeprefix(prefix))


def _prefix_back(args: Args) -> Step:
    prefix = args["prefix"]
    return plain_step(lambda value: prefix + _text(value))


def _country_name(value: Any) -> Any:
    return countries.code_of(_text(value)) or value


def _country_name_back(value: Any) -> Any:
    return countries.name_of(_text(value)) or value


_FORMAT = Arg("format", Text("a format such as DD.MM.YYYY"), "made of YYYY MM M DD D HH H hh h mm ss A and ` ./:,T-`")

_LIST = (
    Transform(
        "number",
        "A number, also from text.",
        _number,
        (
            Example("12.50", 12.5, back=False),
            Example("1.234,5", 1234.5, {"decimal": ",", "thousands": "."}, back=False),
            Example("12,5", 12.5, {"decimal": ",", "as": "text"}),
        ),
        _number_back,
        (
            Arg("decimal", Text("one character", max_length=1), "the sign before the decimals, `.` by default"),
            Arg("thousands", Text("one character", max_length=1), "the sign between thousands, none by default"),
            _AS,
        ),
    ),
    Transform(
        "integer",
        "A whole number, also from text.",
        lambda _args: plain_step(kinds.integer),
        (Example("42", 42, {"as": "text"}), Example(42.0, 42, back=False), Example("42.0", 42, back=False)),
        _integer_back,
        (_AS,),
    ),
    Transform(
        "boolean",
        "True or false from the vendor's words; without words from true/false, yes/no, 1/0.",
        _boolean,
        (
            Example("Y", True, {"yes": "Y", "no": "N"}),
            Example("false", False, back=False),
            Example(1, True, back=False),
        ),
        _boolean_back,
        (
            Arg("yes", Scalar(null=False), "the remote value for true, `true` by default"),
            Arg("no", Scalar(null=False), "the remote value for false, `false` by default"),
        ),
    ),
    Transform(
        "micros_to_minor",
        "Millionths of a currency's unit to its minor unit (cents), halves to the even one.",
        _to_minor(micros=True),
        (
            Example(12_340_000, 1234, "EUR"),
            Example("5000000", 5, "currency", {"currency": "JPY"}, back=False),
            Example(1_234_567, 123, "USD", back=False),
        ),
        _micros_back,
        (_CURRENCY,),
    ),
    Transform(
        "major_to_minor",
        "An amount to the currency's minor unit: 12.34 EUR is 1234, 500 JPY is 500.",
        _to_minor(micros=False),
        (
            Example(12.34, 1234, "EUR"),
            Example("12.34", 1234, {"currency": "Currency", "as": "text"}, {"Currency": "usd"}),
            Example(500, 500, "JPY"),
            Example(1.5, 1500, "KWD"),
        ),
        _major_back,
        (_CURRENCY, _AS),
    ),
    Transform(
        "date",
        "A day; ISO 8601 without a format, and a time behind it is cut off.",
        days.date,
        (
            Example("2026-01-31", "2026-01-31"),
            Example("2026-01-31T23:00:00Z", "2026-01-31", back=False),
            Example("31.1.2026", "2026-01-31", "D.M.YYYY"),
            Example("01/31/2026", "2026-01-31", {"format": "MM/DD/YYYY"}),
        ),
        days.date_back,
        (_FORMAT,),
    ),
    Transform(
        "datetime",
        "A moment, in UTC with milliseconds; ISO 8601 without a format.",
        days.moment,
        (
            Example("2026-01-31T09:00:00.000+0100", "2026-01-31T08:00:00.000Z", back=False),
            Example("2026-01-31 09:00", "2026-01-31T08:00:00.000Z", {"zone": "Europe/Berlin"}, back=False),
            Example("1/31/2026 9:05 PM", "2026-01-31T21:05:00.000Z", "M/D/YYYY h:mm A"),
        ),
        days.moment_back,
        (_FORMAT, Arg("zone", Text("a time zone"), "of times that name none; UTC by default")),
    ),
    Transform(
        "epoch_ms",
        "A moment from milliseconds since 1970.",
        days.epoch(1),
        (Example(1769846400000, "2026-01-31T08:00:00.000Z"), Example("0", "1970-01-01T00:00:00.000Z", "text")),
        days.epoch_back(1),
        (_AS,),
    ),
    Transform(
        "epoch_s",
        "A moment from seconds since 1970.",
        days.epoch(1000),
        (Example(1769846400, "2026-01-31T08:00:00.000Z"),),
        days.epoch_back(1000),
        (_AS,),
    ),
    Transform(
        "country_name",
        "ISO 3166 alpha-2 of a country's name, written back as its English name; unknown texts stay.",
        lambda _args: plain_step(_country_name),
        (Example("Germany", "DE"), Example("Deutschland", "DE", back=False), Example("Atlantis", "Atlantis")),
        lambda _args: plain_step(_country_name_back),
        blank_is_null=False,
    ),
    Transform(
        "remove_prefix",
        "Takes a text off the front, puts it there when writing.",
        _prefix,
        (Example("tel:+49301234", "+49301234", "tel:"), Example("+49301234", "+49301234", "tel:", back=False)),
        _prefix_back,
        (Arg("prefix", Text("a text"), "the text", True),),
        blank_is_null=False,
    ),
    Transform(
        "take",
        "One part of a separated text, the first when `index` is 0.",
        _take,
        (Example("a@x.com; b@x.com", "b@x.com", {"separator": ";", "index": 1}), Example("a", "a", ";")),
        None,
        (Arg("separator", Text("a text"), "what separates", True), Arg("index", Integer(0, 99), "0 by default")),
        blank_is_null=False,
    ),
    Transform(
        "first_word",
        "The first word: the given name of a full name.",
        lambda _args: plain_step(_first_word),
        (Example("Anna Maria Smith", "Anna"),),
        blank_is_null=False,
    ),
    Transform(
        "other_words",
        "All words but the first: the family name of a full name.",
        lambda _args: plain_step(_other_words),
        (Example("Anna Maria Smith", "Maria Smith"), Example("Anna", "")),
        blank_is_null=False,
    ),
    Transform(
        "default",
        "A value in place of null and empty; a path that the record doesn't show stays missing.",
        _default,
        (Example(None, "USD", "USD", back=False), Example("", "USD", "USD", back=False), Example("EUR", "EUR", "USD")),
        _same,
        (Arg("value", Scalar(null=False), "the value", True),),
        takes_blank=True,
    ),
)

TRANSFORMS = {transform.name: transform for transform in _LIST}
