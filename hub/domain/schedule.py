"""How often something is to be done, and when it may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """`every` so many seconds, or at the times of a `cron` expression of five parts: one of the two. `hours`: only
    then ("mon-fri 07:00-20:00", several with commas; "" is always), with `every` alone: cron says its times itself.
    `zone` is the time zone of both."""

    every: int | None = None
    cron: str = ""
    hours: str = ""
    zone: str = "UTC"
