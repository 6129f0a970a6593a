"""Workers are killed, put to sleep, and lose their queue, their store and their connections, while people edit in all
systems and the systems fail. Afterwards nothing is lost and nothing is double. `make chaos` does it for longer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.chaos.play import play

SECONDS = float(os.environ.get("CHAOS_SECONDS") or 25)
SEED = int(os.environ.get("CHAOS_SEED") or 1)


def test_whatever_happens_to_workers_queue_and_store_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    report = play(tmp_path, SEED, SECONDS)
    sys.stderr.write(f"\n{report}\n")
    assert not report.violations, f"seed {SEED}, trace in {report.trace}:\n" + "\n".join(report.violations)
    assert int(report.figures["kills"]) >= 2
    assert int(report.figures["people's acts"]) >= 20
    assert int(report.figures["writes"]) >= 20
