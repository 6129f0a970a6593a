"""Examples made from what is there: a record in disguise with what is read from it, or a change and what is sent.

What comes out is an entry of a document's `examples`, in plain JSON; it holds when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.values import Value, Values
from mappings.clauses import Document
from mappings.compile import compiled
from mappings.lens import Lens
from mappings.masking import disguised
from mappings.paths import Raw

MOST_KEYS = 50


def example(
    raw: Raw, document: Document, *, salt: str, modified_at: str | None = None, lens: Lens | None = None
) -> dict[str, Any]:
    """The record in disguise, and all that the mapping reads from it.

    `salt` decides which other letters and digits stand for the record's own; `modified_at` is the record-level time.
    `Refused` when the record cannot be masked.
    """
    lens = lens or compiled(document)
    made, at = disguised(raw, document, salt=salt, lens=lens, modified_at=modified_at)
    reading = lens.get(made, at)
    entry: dict[str, Any] = {"raw": made}
    if at is not None:
        entry["modified_at"] = at
    entry["gives"] = {name: plain(value) for name, value in reading.values.items()}
    if len(reading.keys) <= MOST_KEYS:
        entry["keys"] = [str(key) for key in reading.keys]
    if reading.consent:
        entry["consent"] = {channel: said.state for channel, said in reading.consent.items()}
    if document.scope or document.when is not None:
        entry["in_scope"] = reading.in_scope
    return entry | _complained({complaint.field for complaint in reading.complaints})


def put_example(
    values: Values,
    document: Document,
    *,
    consent: Mapping[str, str] | None = None,
    onto: Raw | None = None,
    salt: str = "",
    lens: Lens | None = None,
) -> dict[str, Any]:
    """What is sent for a canonical change. `values` and `consent` are taken as they are: they are the author's own. The
    record `onto` which they are written is masked."""
    lens = lens or compiled(document)
    shown = None if onto is None else disguised(onto, document, salt=salt, lens=lens)[0]
    payload = lens.put(values, consent, shown)
    entry: dict[str, Any] = {"put": {name: plain(value) for name, value in values.items()}}
    if consent:
        entry["consent"] = dict(consent)
    if shown is not None:
        entry["onto"] = shown
    entry["gives"] = dict(payload.values)
    return entry | _complained({complaint.field for complaint in payload.complaints})


def _complained(fields: set[str]) -> dict[str, Any]:
    return {"complaints": sorted(fields)} if fields else {}


def plain(value: Value) -> Any:
    """A canonical value as documents write it: a set is a list."""
    return list(value) if isinstance(value, tuple) else value
