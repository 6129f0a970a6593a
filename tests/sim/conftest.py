"""A stage for directed histories on both databases, healed unless a test scripts a mishap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from sync_jobs.simulation.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    made = await Stage.set(tmp_path, Random(1), "none", database_url=store_url)
    yield made
    await made.close()
