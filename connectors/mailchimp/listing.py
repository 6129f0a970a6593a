"""What every listing answers: an array under its name, and how many there are in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.domain.moments import parse
from hub.sdk.http import ContractBroken, Response


@dataclass(frozen=True, slots=True)
class Listing:
    """`total` counts everything that the query matches, on whatever page."""

    rows: Sequence[Any]
    total: int


def listing(response: Response, name: str) -> Listing:
    """Raises `ContractBroken` when the answer is no listing."""
    body = response.json()
    if not isinstance(body, Mapping):
        raise ContractBroken(f"a listing of {name} is a {type(body).__name__}; expected an object")
    rows, total = body.get(name), body.get("total_items")
    if not isinstance(rows, list):
        raise ContractBroken(f'a listing has no array "{name}"')
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise ContractBroken(f'a listing of {name} has no count "total_items"')
    return Listing(rows, total)


def stamp(moment: datetime) -> str:
    """A time as Mailchimp's filters want it: whole seconds, UTC, with its offset written out."""
    return moment.replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def earlier(text: str, by: timedelta) -> str:
    """The moment of an ISO 8601 text, earlier by so much, as `stamp` writes it."""
    return stamp(parse(text) - by)


def times(rows: Sequence[Any], part: str) -> list[datetime]:
    """The times of a page's rows, in its order; rows without a readable one are left out (they are complained of)."""
    found = []
    for row in rows:
        text = row.get(part) if isinstance(row, Mapping) else None
        if isinstance(text, str) and text:
            try:
                found.append(parse(text).replace(microsecond=0))
            except ValueError:
                continue
    return found
