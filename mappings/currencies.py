"""Minor units of currencies (ISO 4217), and exact conversions."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from mappings.misfit import Misfit

_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_ZERO, _THREE = frozenset(_NO_DIGITS.split()), frozenset(_THREE_DIGITS.split())
_FOUR = frozenset({"CLF", "UYW"})
_CODE = re.compile(r"[A-Z]{3}")
_LARGEST = Decimal(10) ** 15


def is_code(text: object) -> bool:
    return isinstance(text, str) and _CODE.fullmatch(text) is not None


def exponent(code: object) -> int:
    """How many digits the minor unit has: 2 for EUR, 0 for JPY, 3 for KWD. `Misfit` when it is no currency code."""
    if not is_code(code):
        raise Misfit("a currency code beside the amount (ISO 4217, three capitals)")
    if code in _ZERO:
        return 0
    return 3 if code in _THREE else 4 if code in _FOUR else 2


def decimal(value: object) -> Decimal:
    """An exact decimal of a number or a text with digits. `Misfit` for anything else, or beyond 10^15."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        text = value.strip() if isinstance(value, str) else repr(value)
        if len(text) <= 40:
            try:
                found = Decimal(text)
            except InvalidOperation:
                raise Misfit("a number") from None
            if found.is_finite() and abs(found) <= _LARGEST:
                return found
    raise Misfit("a number")


def whole(value: Decimal) -> int:
    """The nearest integer, halves to the even one."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def number(value: Decimal) -> int | float:
    """A JSON number: an integer where it is one."""
    return int(value) if value == value.to_integral_value() else float(value)
