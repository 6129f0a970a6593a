"""`GET /metrics` for Prometheus: what this process counted, and how the store stands. `?only=process` leaves the latter
to another process, where many are scraped: it is the same at each. The table for people is deploy/metrics.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub import __version__, counters
from hub.logs import redacted
from hub.operations.gauges import Gauge, Gauges
from sync_jobs.hub import Hub

PATH = "/metrics"
PREFIX = "hub_"
LABEL_MAX = 80
ONLY, PROCESS = "only", "process"


class Kind(StrEnum):
    COUNTER = "counter"
    """Counted by this process since it began."""
    HISTOGRAM = "histogram"
    """Timed by this process since it began."""
    GAUGE = "gauge"
    """Asked of the store, or of the queue."""


@dataclass(frozen=True, slots=True)
class Described:
    """One metric: its name without prefix and ending, its labels, and what it says."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    means: str

    @property
    def shown(self) -> str:
        """Its name in Prometheus."""
        return f"{PREFIX}{self.name}" + ("_total" if self.kind is Kind.COUNTER else "")


_C, _S = ("connection",), ("connection", "stream")
METRICS: Sequence[Described] = (
    Described("build_info", Kind.GAUGE, ("release",), "always 1; the release of this process"),
    Described("records_read", Kind.COUNTER, _S, "records that pages showed"),
    Described("records_heard", Kind.COUNTER, _S, "records made golden records of"),
    Described("writes", Kind.COUNTER, (*_S, "outcome"), "writes by what came of them"),
    Described("runs", Kind.COUNTER, ("connection", "job", "state"), "runs that ended, by how"),
    Described("tours", Kind.COUNTER, ("connection", "ended", "lane"), "tours of workers, by how they ended"),
    Described("api_calls", Kind.COUNTER, ("bucket", "connection"), "requests sent to vendors, repetitions included"),
    Described("retries", Kind.COUNTER, ("connection", "fault"), "requests sent again, by the kind of fault before"),
    Described("throttled", Kind.COUNTER, ("connection", "lane"), "calls that waited for room in a quota"),
    Described("budget_fallbacks", Kind.COUNTER, (), "calls booked in this process alone, as Redis was away"),
    Described("leases_lost", Kind.COUNTER, (), "leases that another process took over"),
    Described("circuits_opened", Kind.COUNTER, _C, "times that a connection failed so often that it rests"),
    Described("crew_failures", Kind.COUNTER, ("what",), "times that a tour, a sweep or a duty failed in this process"),
    Described("wakes_kept_here", Kind.COUNTER, (), "wake-ups that stayed in this process, as Redis was away"),
    Described("webhooks_taken", Kind.COUNTER, _C, "webhooks that were proven and noted"),
    Described("webhooks_refused", Kind.COUNTER, ("connection", "reason"), "webhooks that were sent away"),
    Described("webhook_hints", Kind.COUNTER, _C, "records that webhooks named"),
    Described("alerts", Kind.COUNTER, ("event", "kind"), "alerts that began and ended"),
    Described("alert_posts", Kind.COUNTER, ("outcome",), "messages to the receiver of alerts: taken, refused, failed"),
    Described("run_seconds", Kind.HISTOGRAM, ("job",), "how long runs took"),
    Described("tour_seconds", Kind.HISTOGRAM, ("lane",), "how long tours took"),
    Described("store_up", Kind.GAUGE, (), "1 when the store answered; 0: none of the gauges below is there"),
    Described("records_held", Kind.GAUGE, _S, "records held of a remote and not gone there"),
    Described("records_unheard", Kind.GAUGE, _S, "records read and not yet heard; 10000 stands for that many or more"),
    Described("oldest_unheard_seconds", Kind.GAUGE, _S, "age of the oldest of them"),
    Described("entities_due", Kind.GAUGE, _S, "entities of which this sink is still to be told"),
    Described("stream_lag_seconds", Kind.GAUGE, _S, "since a walk of the stream last ended"),
    Described("stream_overdue_seconds", Kind.GAUGE, _S, "how far beyond its schedule it is; 0 when it is not"),
    Described("issues_open", Kind.GAUGE, ("connection", "kind"), "issues that wait for a person"),
    Described("writes_unsettled", Kind.GAUGE, _C, "writes under way or in doubt"),
    Described("oldest_unsettled_seconds", Kind.GAUGE, _C, "age of the oldest of them"),
    Described("circuit_open", Kind.GAUGE, _C, "1 while a connection that fails is left alone"),
    Described("hints_waiting", Kind.GAUGE, _C, "records that webhooks named and nobody looked at yet"),
    Described("alerts_open", Kind.GAUGE, ("kind",), "alerts that have begun and not ended"),
    Described("workers_alive", Kind.GAUGE, (), "workers that gave a sign of life within a minute"),
    Described("queue_waiting", Kind.GAUGE, (), "wake-ups that wait for a worker; -1 while Redis is away"),
    Described(
        "quota_used",
        Kind.GAUGE,
        ("bucket", "connection", "window"),
        "calls used of what a vendor allows within `window` seconds",
    ),
    Described("quota_limit", Kind.GAUGE, ("bucket", "connection", "window"), "calls that it allows"),
    Described("consent_changes_open", Kind.GAUGE, (), "changes of consent not yet written everywhere"),
    Described("oldest_consent_change_seconds", Kind.GAUGE, (), "since the oldest of them was seen"),
    Described(
        "consent_latency_seconds",
        Kind.GAUGE,
        ("quantile",),
        "from seen anywhere to written everywhere, over the last 24 h",
    ),
)


class Metrics:
    """The route. Scrapes that come together are answered by one question to the store."""

    def __init__(self, hub: Hub) -> None:
        self._gauges = Gauges(hub)
        self._process = ProcessCollector(registry=None)

    def routes(self) -> list[Route]:
        return [Route(PATH, self.answer, methods=["GET"])]

    async def answer(self, request: Request) -> Response:
        gauges: Sequence[Gauge] = ()
        if request.query_params.get(ONLY) != PROCESS:
            gauges = await self._gauges.all()
        return Response(rendered(gauges, self._process), media_type=CONTENT_TYPE_LATEST)


def rendered(gauges: Iterable[Gauge], *others: Collector) -> bytes:
    """The page. Every metric of `METRICS` has a head, also when there is nothing of it."""
    registry = CollectorRegistry()
    registry.register(_Ours(tuple(gauges)))
    for other in others:
        registry.register(other)
    return generate_latest(registry)


class _Ours(Collector):
    def __init__(self, gauges: Sequence[Gauge]) -> None:
        self._gauges = (Gauge("build_info", 1, {"release": __version__}), *gauges)

    def describe(self) -> Iterator[Metric]:
        """Nothing: else it would be collected once only to be registered."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        numbers: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for counted in counters.all():
            numbers.setdefault(counted.name, []).append((dict(counted.labels), counted.value))
        for gauge in self._gauges:
            numbers.setdefault(gauge.name, []).append((gauge.labels, gauge.value))
        for described in METRICS:
            yield (
                _histogram(described)
                if described.kind is Kind.HISTOGRAM
                else _family(described, numbers.get(described.name, ()))
            )


def _family(described: Described, numbers: Iterable[tuple[Mapping[str, str], float]]) -> Metric:
    make = CounterMetricFamily if described.kind is Kind.COUNTER else GaugeMetricFamily
    family = make(f"{PREFIX}{described.name}", described.means, labels=described.labels)
    for labels, value in numbers:
        family.add_metric(_values(described, labels), value)
    return family


def _histogram(described: Described) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}{described.name}", described.means, labels=described.labels)
    for timed in counters.timed():
        if timed.name == described.name:
            family.add_metric(_values(described, dict(timed.labels)), _buckets(timed.buckets), timed.seconds)
    return family


def _values(described: Described, labels: Mapping[str, str]) -> list[str]:
    """As they may be shown: names of ours, and whatever else one is, neither an address nor a secret."""
    return [redacted(labels.get(name, ""))[:LABEL_MAX] for name in described.labels]


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    ends = [*(str(bound) for bound in counters.BOUNDS), "+Inf"]
    total, found = 0, []
    for end, count in zip(ends, counts, strict=True):
        total += count
        found.append((end, float(total)))
    return found
