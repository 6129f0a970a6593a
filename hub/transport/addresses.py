"""Where a request goes: the base URL of a connection, the one its token names, or a whole URL."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from hub.domain.outcome import Fault, FaultKind
from hub.sdk.auth import Token
from hub.sdk.http import Request
from hub.transport.failed import Failed

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Target:
    """A whole URL, and whether it belongs to the vendor's API: only then may the request be signed."""

    url: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Addresses:
    """`base` is the connection's. A token's address counts only while the connection keeps the connector's default:
    who points a connection at a proxy or a sandbox means it."""

    base: str
    default: str

    @property
    def scheme(self) -> str:
        return urlsplit(self.base).scheme.lower()

    @property
    def host(self) -> str:
        """For messages: never with a user name, a path or a query."""
        return urlsplit(self.base).hostname or self.base.partition(":")[0]

    @property
    def loopback(self) -> bool:
        return urlsplit(self.base).hostname in LOOPBACK

    def of(self, token: Token | None) -> str:
        overridden = self.base.rstrip("/") != self.default.rstrip("/")
        named = token.base_url if token is not None else None
        return self.base if overridden or not named else named

    def target(self, request: Request, token: Token | None) -> Target:
        """Raises `Failed` (contract) for a path that is neither."""
        base = self.of(token)
        if request.path.startswith("/"):
            return Target(_with_query(base.rstrip("/") + request.path, request), ours=True)
        scheme = urlsplit(request.path).scheme.lower()
        allowed = {"file"} if self.scheme == "file" else {"https"} if self.scheme == "https" else {"http", "https"}
        if scheme not in allowed:
            text = "a request to an address that is neither a path nor a URL of the connection's kind"
            raise Failed(Fault(FaultKind.CONTRACT, "bad_address", text), sent=False)
        ours = _origin(request.path) in (_origin(base), _origin(self.base))
        return Target(_with_query(request.path, request), ours)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(scheme)


def _with_query(url: str, request: Request) -> str:
    if not request.query:
        return url
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode(request.query, quote_via=quote)}"
