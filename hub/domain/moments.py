"""Moments as text: ISO 8601 in UTC with milliseconds, so that they sort as text in every store."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """`2026-01-31T08:15:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse(text: str) -> datetime:
    """The moment an ISO 8601 text names; a text without a zone is UTC. ValueError when it names none."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def normal(text: str | None) -> str | None:
    """Any ISO 8601 text in the form of `iso`; None for None. ValueError when it is no moment."""
    return None if text is None else iso(parse(text))
