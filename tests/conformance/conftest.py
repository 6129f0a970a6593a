"""These tests need a folder of the vendors' own API descriptions, which is not part of the project: they are collected
only when the environment variable VENDOR_SPECS names one (`make conformance VENDOR_SPECS=DIR`)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance.descriptions import Descriptions

collect_ignore_glob = [] if os.environ.get("VENDOR_SPECS") else ["test_*.py"]


@pytest.fixture(scope="session")
def descriptions() -> Descriptions:
    return Descriptions(Path(os.environ["VENDOR_SPECS"]))
