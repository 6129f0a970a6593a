"""Posting a message to an address that an operator gave. The address is a secret: whoever knows it may post there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from hub import clock, counters, logs
from hub.transport.addresses import LOOPBACK
from hub.transport.wire import AGENT, Transport

TIMEOUT = httpx.Timeout(10.0)
WITHIN = 20.0
"""Seconds for the whole of it: an answer that trickles in meets every other limit, and alerts would end with it."""
FOR_GOOD = frozenset({400, 413, 422})
"""Answers about what is in a message: it is refused the next time, too, and another one may be taken. Every other
failure is the receiver's state, or its address."""
CONCEALED = "posts"
"""Under which name addresses are concealed in logs."""


class Unposted(Exception):
    """The receiver did not take it, or nobody knows. The text names no address. `retry_after` in seconds, when the
    receiver said; `for_good`: it refuses this very message."""

    def __init__(self, why: str, retry_after: float | None = None, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.retry_after = retry_after
        self.for_good = for_good


async def post(url: str, body: bytes, headers: Mapping[str, str], *, transport: Transport | None = None) -> None:
    """Posts once. Raises Unposted for anything but a success; redirects are not followed, and of an answer nothing is
    read but its head."""
    parts = urlsplit(url)
    logs.conceal(CONCEALED, url, parts.path, f"{parts.path}?{parts.query}")
    try:
        async with (
            asyncio.timeout(WITHIN),
            httpx.AsyncClient(
                transport=transport, timeout=TIMEOUT, trust_env=parts.hostname not in LOOPBACK, follow_redirects=False
            ) as client,
            client.stream("POST", url, content=body, headers={"User-Agent": AGENT, **headers}) as answer,
        ):
            pass
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TimeoutError) as error:
        counters.add("alert_posts", outcome="failed")
        raise Unposted(f"no answer ({type(error).__name__})") from None
    if not answer.is_success:
        counters.add("alert_posts", outcome="refused")
        said = _seconds(answer.headers.get("retry-after", ""))
        raise Unposted(f"HTTP {answer.status_code}", said, for_good=answer.status_code in FOR_GOOD)
    counters.add("alert_posts", outcome="taken")


def _seconds(said: str) -> float | None:
    """Retry-After in seconds: it holds seconds or a date."""
    try:
        if said[:1].isdigit():
            return max(0.0, float(said))
        return max(0.0, (parsedate_to_datetime(said) - clock.now()).total_seconds()) if said else None
    except (ValueError, TypeError):
        return None
