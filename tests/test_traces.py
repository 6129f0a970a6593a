"""Traces arrive at a real collector's door, one within the other, and say nothing of persons."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from connectors.unruly.sandbox import Manners
from hub import traces
from hub.domain.lane import Lane
from hub.traces import Tracing
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.tour import tour

PLANTED = ("ann.lovelace", "Lovelace", "+49 30 1234567", "unruly-token")


@dataclass
class Collector:
    """Takes OTLP over HTTP."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    down: bool = False

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[OtlpSpan]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def attributes(span: OtlpSpan) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value") or "string_value") for a in span.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.paths.append(self.path)
            found.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(503 if found.down else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def tracing(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    assert traces.start() is Tracing.ON
    assert traces.start() is Tracing.ON
    yield
    traces.stop()


def test_spans_arrive_within_each_other(collector: Collector, tracing: None) -> None:
    with traces.span("tour", connection="crm", lane="live"), traces.span("page", stream="contacts") as page:
        page.tell(read=7)
        with traces.span("api call", method="GET") as call:
            call.tell(status=200)
    with pytest.raises(LookupError), traces.span("alone"):
        raise LookupError("no such person: ann.lovelace@example.com")
    traces.stop()
    assert set(collector.paths) == {"/v1/traces"}
    spans = {span.name: span for span in collector.spans}
    assert spans["api call"].parent_span_id == spans["page"].span_id
    assert spans["page"].parent_span_id == spans["tour"].span_id
    assert spans["tour"].parent_span_id == spans["alone"].parent_span_id == b""
    assert attributes(spans["tour"]) == {"hub.connection": "crm", "hub.lane": "live"}
    assert attributes(spans["page"]) == {"hub.stream": "contacts", "hub.read": 7}
    assert attributes(spans["api call"]) == {"http.request.method": "GET", "http.response.status_code": 200}
    assert (spans["alone"].status.code, spans["alone"].status.message) == (2, "LookupError")
    assert not spans["alone"].events
    assert b"lovelace" not in b"".join(collector.bodies)


def test_what_is_no_name_of_ours_is_left_out(collector: Collector, tracing: None) -> None:
    said = ("ann.lovelace@example.com", "+49 30 1234567", "Ann Lovelace", "a" * 90, "https://x.example/people/1?q=ann")
    for text in said:
        with traces.span("page", connection=text, email="ann.lovelace@example.com", stream=text):
            pass
    traces.stop()
    assert len(collector.spans) == len(said)
    for span in collector.spans:
        assert attributes(span) == {"hub.connection": traces.LEFT_OUT, "hub.stream": traces.LEFT_OUT}


async def test_a_tour_says_what_took_how_long_and_nothing_of_whom(
    tmp_path: Path, collector: Collector, tracing: None
) -> None:
    """A real hub reads, hears and tells two made-up vendors a person with everything planted that must not leave."""
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners(), "beta": Manners()})
    assert stage.hub is not None
    person = {"email": "ann.lovelace@example.com", "name": "Ann Lovelace", "phones": ["+49 30 1234567"]}
    stage.vendors["alpha"].create(person)
    stage.step(1)
    for name in ("alpha", "beta"):
        await tour(stage.hub, name, Lane.LIVE, Slice.whole(), term=timedelta(seconds=60))
    await stage.close()
    assert stage.vendors["beta"].find("ann.lovelace@example.com")
    traces.stop()
    spans = {span.span_id: span for span in collector.spans}
    chains = set()
    for span in spans.values():
        names, at = [span.name], span
        while at.parent_span_id:
            at = spans[at.parent_span_id]
            names.append(at.name)
        chains.add(" < ".join(names))
        assert set(attributes(span)) <= set(traces.TELLS.values())
    assert {"page < tour", "api call < page < tour", "hear < tour", "push < tour", "api call < push < tour"} <= chains
    assert {name.rpartition(" ")[2] for name in chains} == {"tour"}
    calls = [attributes(span) for span in spans.values() if span.name == "api call"]
    assert {"alpha", "beta"} == {call["hub.connection"] for call in calls}
    everything = b"".join(collector.bodies).decode("latin-1")
    ids = [*stage.vendors["alpha"].ids(), *stage.vendors["beta"].ids()]
    for leak in (*PLANTED, *ids, "/people"):
        assert leak not in everything, leak


def test_the_resource_names_the_service(collector: Collector, tracing: None) -> None:
    with traces.span("page"):
        pass
    traces.stop()
    (request,) = collector.requests
    said = {a.key: a.value.string_value for a in request.resource_spans[0].resource.attributes}
    assert said["service.name"] == traces.SERVICE
    assert not {key for key in said if key.startswith("process.")}


def test_a_process_ends_also_when_the_collector_is_down(collector: Collector) -> None:
    collector.down = True
    program = "from hub import traces; traces.start()\nwith traces.span('page'): pass\ntraces.stop()"
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=20, stderr=subprocess.PIPE)
    assert collector.bodies


PROGRAM = """
import sys
from hub import traces
assert traces.start() is traces.Tracing.{expected}, traces.start()
with traces.span("page", connection="crm") as span:
    span.tell(read=1)
assert traces.span("a") is traces.span("b")
loaded = [name for name in sys.modules if name.partition(".")[0] in ("opentelemetry", "google", "requests")]
assert not loaded, loaded
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "OFF"), ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}, "OFF")],
)
def test_without_a_collector_nothing_is_loaded(environment: dict[str, str], expected: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    program = PROGRAM.format(expected=expected)
    subprocess.run([sys.executable, "-c", program], env=clean | environment, check=True, timeout=60)


def test_without_the_extra_it_says_so() -> None:
    program = (
        "import sys; sys.modules['opentelemetry.sdk'] = None; sys.modules['opentelemetry.exporter'] = None\n"
        + PROGRAM.format(expected="NOT_INSTALLED").replace('"opentelemetry", ', "")
    )
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)
