"""Traces by OpenTelemetry: what took how long within what. Off, at no cost, unless the environment names a collector
(`OTEL_EXPORTER_OTLP_ENDPOINT`) and the extra `otel` is installed.

A span tells names of ours and numbers, by the keys of `TELLS`: no URL, no path, no id or text of a record can get
into one. Of an error it tells the type.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SERVICE = "martech-hub"
TELLS = {
    **{name: f"hub.{name}" for name in ("run", "job", "connection", "stream", "lane", "bucket", "fault", "outcome")},
    **{name: f"hub.{name}" for name in ("read", "fresh", "heard", "due", "writes", "entities", "tries", "whole")},
    "method": "http.request.method",
    "status": "http.response.status_code",
}
"""What a span may tell, and its name in the trace."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,79}")
LEFT_OUT = "(left out)"
END_WITHIN = 2.0
"""Seconds that the end of the process waits for a collector."""

Said: TypeAlias = str | int | float | bool


class Tracing(StrEnum):
    OFF = "off"
    ON = "on"
    NOT_INSTALLED = "not installed"
    """Asked for, but the extra is not there."""


class Span(Protocol):
    """One piece of work under way."""

    def tell(self, **said: Said) -> None:
        """Adds to what is told of it. Keys that `TELLS` doesn't have, and texts that are no names, are left out."""
        ...


class _Nothing:
    """The span of a process that doesn't trace."""

    def tell(self, **said: Said) -> None:
        return None

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        return None


_NOTHING = _Nothing()
_tracer: Tracer | None = None
_provider: TracerProvider | None = None


def start(environ: Mapping[str, str] | None = None) -> Tracing:
    """Begins to trace, where the environment asks for it. May be called again."""
    global _tracer, _provider
    environ = os.environ if environ is None else environ
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Tracing.OFF
    if _provider is not None:
        return Tracing.ON
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return Tracing.NOT_INSTALLED
    resource = Resource.create({SERVICE_NAME: environ.get("OTEL_SERVICE_NAME") or SERVICE})
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("hub")
    return Tracing.ON


def stop() -> None:
    """Sends what is left, and ends. A collector that is away costs `END_WITHIN`: the sending goes on trying for longer,
    in a thread that nobody waits for."""
    global _tracer, _provider
    provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        sending = Thread(target=provider.shutdown, name="traces", daemon=True)
        sending.start()
        sending.join(END_WITHIN)


def span(name: str, **said: Said) -> AbstractContextManager[Span]:
    """The block as a span within the one under way. `name` is a word of the code ("page"), never made of data."""
    return _NOTHING if _tracer is None else _Traced(_tracer, name, said)


class _Traced:
    """A span that is sent."""

    def __init__(self, tracer: Tracer, name: str, said: Mapping[str, Said]) -> None:
        self._began = tracer.start_as_current_span(
            name, attributes=_told(said), record_exception=False, set_status_on_exception=False
        )
        self._span: OtelSpan | None = None

    def __enter__(self) -> Span:
        self._span = self._began.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, kind.__name__))
        self._began.__exit__(kind, error, trace)

    def tell(self, **said: Said) -> None:
        if self._span is not None:
            self._span.set_attributes(_told(said))


def _told(said: Mapping[str, Said]) -> dict[str, Said]:
    return {TELLS[key]: _plain(value) for key, value in said.items() if key in TELLS and value != ""}


def _plain(value: Said) -> Said:
    if isinstance(value, str):
        return value if NAME.fullmatch(value) else LEFT_OUT
    return value
