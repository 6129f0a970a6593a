"""How fast a lens reads and writes, beside parsing the same JSON, in the same run.

Run `python -m benchmarks.lens`; prints one JSON line. Records differ from each other, so that no cache of phone numbers
or names flatters the result; phones are a share of records in the national form, which takes the library's slow way.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mappings.library import load

FIRST = ("Anna", "Zoë", "Siobhán", "Bob", "Li", "José")
LAST = ("Smith", "O'Brien", "Müller", "Nowak", "Tran", "García")


@dataclass(frozen=True, slots=True)
class Result:
    """Records a second of each step, and microseconds a record of get and put."""

    records: int
    fields: int
    parse: int
    get: int
    put: int
    get_us: float
    put_us: float
    get_per_parse: float
    """How many times longer get takes than parsing the record's JSON."""


def contact(number: int) -> dict[str, Any]:
    """A HubSpot contact as the API shows it: everything text or null."""
    first, last = FIRST[number % 6], LAST[number % 6]
    return {
        "id": str(number),
        "email": f"{first}.{last}.{number}@Example{number % 97}.com".replace("'", ""),
        "hs_additional_emails": f"a{number}@x.example;b{number}@x.example" if number % 5 == 0 else None,
        "firstname": first,
        "lastname": f"{last} {number}",
        "phone": f"+1415{5550000 + number:07d}" if number % 20 else f"030 {1000000 + number}",
        "mobilephone": None,
        "company": f"Company {number % 1000}",
        "jobtitle": "Head of Marketing",
        "address": f"{number} Main St",
        "city": "Berlin",
        "state": None,
        "zip": str(10000 + number % 90000),
        "country": "Germany" if number % 20 == 0 else "United States",
        "lifecyclestage": "marketingqualifiedlead",
        "hubspot_owner_id": "501",
        "hs_email_optout": "true" if number % 50 == 0 else None,
        "lastmodifieddate": "2026-05-06T19:26:18.036Z",
    }


def rate(step: Callable[[Any], object], items: Iterable[Any]) -> tuple[int, float]:
    """(records a second, microseconds a record), in the process's own time: a busy machine shows less."""
    work = list(items)
    started = time.process_time()
    for item in work:
        step(item)
    seconds = time.process_time() - started
    return round(len(work) / seconds), round(seconds / len(work) * 1e6, 2)


def run(records: int = 20_000) -> Result:
    """Measures `hubspot/contacts` over different records."""
    lens = load("hubspot", "contacts")
    raws = [contact(number) for number in range(records)]
    bodies = [orjson.dumps(raw) for raw in raws]
    parse, parse_us = rate(orjson.loads, bodies)
    get, get_us = rate(lens.get, raws)
    values = [lens.get(raw).values for raw in raws]
    put, put_us = rate(lens.put, values)
    fields = len(lens.policy.fields)
    return Result(records, fields, parse, get, put, get_us, put_us, round(get_us / parse_us, 1))


if __name__ == "__main__":
    print(orjson.dumps(asdict(run())).decode())
