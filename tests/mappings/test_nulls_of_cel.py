"""Nulls from expressions do not wear out the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NULLS = """
from mappings.expressions import Program
one, several = Program(["record.a"]), Program(["record.a", "[record.a, record.a]"])
for _ in range(20_000):
    assert one({"a": None}) == (None,)
    assert several({"a": None}) == (None, [None, None])
print("whole")
"""


def test_tens_of_thousands_of_nulls_leave_the_process_whole() -> None:
    """The binding takes one reference to None with each; before Python 3.12 that once ended in an abort."""
    home = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", NULLS], cwd=home, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr[-500:]
