"""The folder of vendors' descriptions, and what is found to depart from them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Violation:
    """A departure. `pointer` is the place in the request or answer, as a JSON pointer with a word before it:
    `request/inputs/0/id`, `response/results/3/createdAt`, `query/limit`, `path`."""

    vendor: str
    where: str
    pointer: str
    said: str

    def __str__(self) -> str:
        return f"{self.vendor}: {self.where}: {self.pointer}: {self.said}"


@dataclass
class Allowance:
    """A departure that is right: the description is known to be wrong or silent there. `where` and `pointer` are
    regular expressions over the whole of a violation's, `said` over a part. One that is never needed fails."""

    vendor: str
    pointer: str
    why: str
    where: str = ".*"
    said: str = ""
    used: int = field(default=0, compare=False)

    def covers(self, found: Violation) -> bool:
        return (
            found.vendor == self.vendor
            and re.fullmatch(self.where, found.where) is not None
            and re.fullmatch(self.pointer, found.pointer) is not None
            and re.search(self.said, found.said) is not None
        )


class Descriptions:
    """Reads a vendor's files. A missing one fails the test: a folder that lacks it would prove nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, vendor: str, file: str) -> Any:
        path = self._folder / vendor / file
        if not path.is_file():
            pytest.fail(f"VENDOR_SPECS: {self._folder} has no {vendor}/{file}; give the folder that has it")
        return json.loads(path.read_text())


def settle(found: Iterable[Violation], allowances: Sequence[Allowance]) -> list[Violation]:
    """What no allowance covers, each text once; counts the use of the allowances."""
    left: dict[str, Violation] = {}
    for violation in found:
        covering = [allowance for allowance in allowances if allowance.covers(violation)]
        for allowance in covering:
            allowance.used += 1
        if not covering:
            left.setdefault(re.sub(r"/\d+", "/*", str(violation)), violation)
    return list(left.values())


def assert_conforms(found: Iterable[Violation], allowances: Sequence[Allowance]) -> None:
    """Fails with one line for each departure, and for allowances that nothing needs any more."""
    left = settle(found, allowances)
    idle = [f"allowance not needed: {a.vendor} {a.where} {a.pointer} ({a.why})" for a in allowances if not a.used]
    lines = [*map(str, left), *idle]
    if lines:
        pytest.fail(f"{len(lines)} departures from the vendor's description:\n" + "\n".join(lines[:60]))
