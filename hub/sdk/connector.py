"""What a connector is: one frozen value that names its settings, secrets, streams, sinks, limits and faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from hub.domain.outcome import Fault
from hub.sdk.auth import Auth
from hub.sdk.auth import Secret as Secret
from hub.sdk.hooks import Hook
from hub.sdk.http import Request, Response
from hub.sdk.limits import Limit as Limit
from hub.sdk.limits import Meter as Meter
from hub.sdk.relay import RELAY
from hub.sdk.sinks import Sink
from hub.sdk.streams import Stream


@dataclass(frozen=True, slots=True)
class Account:
    """Who answered: the vendor's own account key, for people to see that they connected the right one."""

    key: str
    title: str = ""
    time_zone: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Connector:
    """Everything the hub knows of one vendor. All callables are pure.

    `settings` is a pydantic model with `extra="forbid"`; every settings object is passed back to the factories.
    `stream(name, settings, fields)` and `sink(...)` get the remote paths that the mapping reads and writes.
    `classify(request, response)` answers a fault for what is true of the *request* (401, limits, 5xx, blocked), and
    None when the stream or sink should read the answer itself, also a 4xx that speaks of records.
    """

    name: str
    title: str
    api_version: str
    default_base_url: str
    settings: type[BaseModel]
    secrets: Callable[[Any], Sequence[Secret]]
    auth: Callable[[Any, Mapping[str, str]], Auth]
    streams: tuple[str, ...]
    sinks: tuple[str, ...]
    stream: Callable[[str, Any, Sequence[str]], Stream]
    sink: Callable[[str, Any, Sequence[str]], Sink]
    classify: Callable[[Request, Response], Fault | None]
    check: Callable[[Any], Request]
    account: Callable[[Response], Account]
    limits: tuple[Limit, ...] = ()
    rank: int = 50
    """Default place in the ranks of origins: lower is trusted more (CRM 10, marketing automation 20, e-mail 30,
    ads 40, files 60)."""
    docs: str = ""
    meters: Callable[[Response], Sequence[Meter]] = field(default=lambda _: ())
    """What the answer's headers say of the quota."""
    payer: Callable[[Any, Mapping[str, str]], str | None] = field(default=lambda _settings, _secrets: None)
    """Whose limits the calls count against, from settings and secrets, where that is not the account that answers
    `check`: connections with the same payer share one budget. It may stand in the keys of a Redis: `fingerprint`."""
    home: Callable[[Any, Mapping[str, str]], str | None] = field(default=lambda _settings, _secrets: None)
    """The base URL that the settings and secrets of an account imply (a data centre in an API key), None when they
    imply none. A base URL that the operator gives comes before it, `default_base_url` after it."""
    every: Mapping[str, int] = field(default_factory=dict)
    """Stream -> seconds between two walks, for streams that show all they have each time."""
    hook: Hook | None = None
    """The vendor's own webhooks; None where it has none that can be trusted. Every connector takes `RELAY` besides."""

    @property
    def hooks(self) -> tuple[Hook, ...]:
        return (RELAY,) if self.hook is None else (RELAY, self.hook)

    def all_secrets(self, settings: Any) -> tuple[Secret, ...]:
        """What the API needs, and after it what webhooks need, which is never required."""
        found = {secret.name: secret for secret in self.secrets(settings)}
        for hook in reversed(self.hooks):
            for secret in hook.secrets:
                found.setdefault(secret.name, secret)
        return tuple(found.values())
