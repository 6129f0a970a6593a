"""One exchange over HTTP: bounded in size and time, and with every way it can fail turned into `Failed`."""

from __future__ import annotations

import asyncio
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import httpx

from hub.domain.outcome import Fault, FaultKind
from hub.sdk.http import Request, Response
from hub.transport.addresses import Addresses
from hub.transport.failed import Failed
from hub.transport.folder import FOLDER, FolderTransport

Transport: TypeAlias = httpx.AsyncBaseTransport
"""How requests reach the other side; given in tests and simulations in place of the network."""

BODY_MAX = 64 * 1024 * 1024
"""Bytes of an answer, unpacked."""
DEADLINE = 300.0
"""Seconds for a whole exchange, however slowly the answer drips."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
CONNECTIONS = httpx.Limits(max_connections=10, max_keepalive_connections=5, keepalive_expiry=15.0)
AGENT = "martech-hub/0.1"

UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""The request had not left."""
UNUSABLE = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeEncodeError)
"""The request cannot be written at all."""


class Wire:
    """The client of one connection; scheme `file` reaches a folder instead of a network."""

    def __init__(self, addresses: Addresses, transport: Transport | None) -> None:
        if transport is None and addresses.scheme == "file":
            transport = FolderTransport(unquote(urlsplit(addresses.base).path))
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=TIMEOUT,
            limits=CONNECTIONS,
            follow_redirects=False,
            trust_env=not addresses.loopback,
            headers={"User-Agent": AGENT, "Accept": "application/json"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def exchange(self, request: Request, url: str) -> Response:
        """Sends once. Raises `Failed`; its texts name host and failure, never path, query or header."""
        try:
            built = self._client.build_request(
                request.method, _folder_url(url), headers=list(request.headers), content=request.body
            )
        except UNUSABLE:
            raise Failed(_unusable(), sent=False) from None
        host = built.url.host
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._receive(built)
        except Failed:
            raise
        except UNUSABLE:
            raise Failed(_unusable(), sent=False) from None
        except UNSENT as error:
            raise Failed(_unreached(host, error), sent=False) from None
        except (httpx.HTTPError, TimeoutError) as error:
            text = f"the answer of {host} was lost ({type(error).__name__})"
            raise Failed(Fault(FaultKind.TRANSIENT, "answer_lost", text), sent=True) from None

    async def _receive(self, built: httpx.Request) -> Response:
        answer = await self._client.send(built, stream=True)
        try:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > BODY_MAX:
                    text = f"the answer is larger than {BODY_MAX // 2**20} MiB: ask for less at once"
                    raise Failed(Fault(FaultKind.CONTRACT, "answer_too_large", text), sent=True)
        finally:
            await answer.aclose()
        return Response(
            answer.status_code, bytes(body), {name.lower(): value for name, value in answer.headers.items()}
        )


def _folder_url(url: str) -> str:
    """httpx writes no `file` URLs: a folder on this machine is addressed as the host `folder`, any other as itself."""
    parts = urlsplit(url)
    if parts.scheme.lower() != "file":
        return url
    host = FOLDER if parts.netloc in ("", "localhost") else parts.netloc
    return f"http://{host}{parts.path}"


def _unusable() -> Fault:
    text = "the base URL is not usable, or a secret or setting has characters that HTTP headers do not allow"
    return Fault(FaultKind.MISCONFIGURED, "bad_request_form", text)


def _unreached(host: str, error: Exception) -> Fault:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        text = f"{host} shows a certificate that this machine does not trust: check the base URL and the proxy"
        return Fault(FaultKind.MISCONFIGURED, "certificate", text)
    return Fault(FaultKind.TRANSIENT, "not_reached", f"{host} could not be reached ({type(error).__name__})")
