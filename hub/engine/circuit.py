"""How long a connection that fails is left alone: pure, and the same for every worker that asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b

from hub.domain.circuit import Circuit
from hub.domain.moments import iso, parse
from hub.domain.outcome import Fault, FaultKind

OPENS_AT = 3
"""Failures in a row after which the circuit is open: nobody calls before its time, and then one at first."""
FIRST = timedelta(seconds=30)
LAST = timedelta(minutes=15)
JITTER_SHARE = 0.1
TRIAL = timedelta(minutes=1)
"""How long the others wait for the one that was let through."""
LIMITED = timedelta(seconds=30)
"""How long a connection is left alone that limits its callers and doesn't say for how long."""
LIMITED_MAX = timedelta(days=1)
FAILURES = (FaultKind.TRANSIENT, FaultKind.IN_DOUBT)
"""Faults of the vendor, or of the way there, that go away by themselves."""
OUR_DOING = frozenset({"throttled", "lease_over", "connection_changed"})
"""Codes of faults by which this process kept itself from calling: they say nothing of the vendor."""


def after_fault(circuit: Circuit | None, connection: str, fault: Fault, now: datetime) -> Circuit | None:
    """What is to be remembered after a tour ended with a fault; None: nothing, it is nobody's failure to answer.

    A transient failure counts: the third in a row opens the circuit for 30 s, each further one for twice as long, up to
    15 minutes, and a tenth at most beyond that. A vendor that limits its callers is left alone for as long as it says;
    that is no failure."""
    if fault.code in OUR_DOING:
        return circuit
    reason = f"{fault.code}: {fault.message}"
    held = circuit or Circuit(connection, 0, iso(now), iso(now), reason)
    if fault.kind is FaultKind.RATE_LIMITED:
        said = LIMITED if fault.retry_after is None else timedelta(seconds=max(fault.retry_after, 0.0))
        until = max(now + min(said, LIMITED_MAX), parse(held.until))
        return replace(held, until=iso(until), reason=reason)
    if fault.kind not in FAILURES:
        return circuit
    failures = held.failures + 1
    since = held.since if held.failures else iso(now)
    until = max(now + _pause(connection, failures), parse(held.until))
    return Circuit(connection, failures, iso(until), since, reason)


def after_success(circuit: Circuit, now: datetime) -> Circuit | None:
    """What is still to be remembered after a tour that was answered as it should be: that the vendor limits its
    callers, while another tour was under way."""
    if is_open(circuit) or parse(circuit.until) <= now:
        return None
    return replace(circuit, failures=0)


def is_open(circuit: Circuit) -> bool:
    """Whether it failed so often that only one may try when the time has come."""
    return circuit.failures >= OPENS_AT


def let_through(circuit: Circuit, now: datetime) -> Circuit | None:
    """The circuit once one was let through, who has a minute to say how it went; None when it isn't time yet."""
    if parse(circuit.until) > now:
        return None
    return replace(circuit, until=iso(now + TRIAL)) if is_open(circuit) else circuit


def _pause(connection: str, failures: int) -> timedelta:
    if failures < OPENS_AT:
        return timedelta()
    pause = min(FIRST * (1 << min(failures - OPENS_AT, 16)), LAST)
    share = int.from_bytes(blake2b(f"{connection}/{failures}".encode(), digest_size=8).digest()) / 2**64
    return pause * (1 + JITTER_SHARE * share)
