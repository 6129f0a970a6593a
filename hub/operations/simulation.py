"""Random histories under the laws: the same seed gives the same trace."""

from __future__ import annotations

from dataclasses import dataclass

from sync_jobs import simulation as jobs


@dataclass(frozen=True, slots=True)
class Simulated:
    """`trace` is the hash of all that happened; `violations` are broken laws, each a sentence; `deaths`: how often the
    process was killed on the way; `lines`: what happened, step by step, when that was asked for."""

    ok: bool
    seed: int
    steps: int
    faults: str
    trace: str
    violations: tuple[str, ...]
    deaths: int
    api_calls: int
    writes: int
    lines: tuple[str, ...]


async def run(seed: int, steps: int, faults: str, *, with_lines: bool = False) -> Simulated:
    """Simulates, in a store of its own that is forgotten afterwards."""
    trace = await jobs.simulate(seed, steps, faults)
    return Simulated(
        ok=not trace.violations,
        seed=trace.seed,
        steps=trace.steps,
        faults=trace.faults,
        trace=trace.hash,
        violations=trace.violations,
        deaths=trace.deaths,
        api_calls=trace.api_calls,
        writes=trace.writes,
        lines=trace.lines if with_lines else (),
    )
