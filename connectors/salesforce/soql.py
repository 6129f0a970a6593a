"""SOQL as text: literals, select lists, keyset conditions. Nothing that comes from outside gets in unquoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote as percent

from hub.sdk.http import Request, get

URI_MAX = 16_000
"""Bytes. Salesforce takes 16,384 of URI and headers together (its REST API guide); the rest is for the headers."""

_PATH = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*){0,5}")
_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)


class Unaskable(ValueError):
    """A query that Salesforce could not take; the text says what to change."""


def text(value: str) -> str:
    """A string literal, escaped as the SOQL reference says ("Quoted string escape sequences")."""
    return "'" + value.translate(_ESCAPES) + "'"


def texts(values: Iterable[str]) -> str:
    """A list for IN."""
    return "(" + ",".join(text(v) for v in values) + ")"


def select(sobject: str, fields: Sequence[str]) -> str:
    """`SELECT ... FROM ...`. Raises `Unaskable` for something that is no field path."""
    for path in fields:
        if _PATH.fullmatch(path) is None:
            raise Unaskable(f"{path!r} is not a Salesforce field path such as Email, Account.Name or Score__c")
    return f"SELECT {','.join(fields)} FROM {sobject}"  # noqa: S608


def query(data: str, statement: str, *, deleted: bool) -> Request:
    """The GET of a statement; `deleted` asks for rows in the recycle bin too. Raises `Unaskable` when too long."""
    path = f"{data}/{'queryAll' if deleted else 'query'}"
    size = len(path) + len("?q=") + len(percent(statement, safe=""))
    if size > URI_MAX:
        raise Unaskable(
            f"the query needs a URI of {size} bytes and Salesforce takes {URI_MAX}: "
            "map fewer fields in this stream, or ask for fewer records at once"
        )
    return get(path, {"q": statement})
