"""How fast a lens reads and writes, beside parsing the same JSON and beside expression languages, in the same run.

`python -m benchmarks.lens` prints a table; `--json` one line of JSON; `--people N` and `--rounds N` say how much.
Records come from the seeded world by way of the sandboxes, each different. Sides take turns and the best round of each
counts, in the process's own CPU time, since other work on the machine can only slow one down. What is known of phone
numbers is forgotten before every round, so that each is met as a new one.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peers import SIMPLE, peers
from benchmarks.records import hubspot_contacts, mailchimp_members
from mappings import phones
from mappings.compile import lens as compiled
from mappings.lens import Lens
from mappings.library import load

FEW = ("given_name", "title", "phone", "country")
"""What an update writes."""
SLOW = 500
"""Records a round for sides that take hundreds of microseconds."""


@dataclass(frozen=True, slots=True)
class Side:
    """`step` over `items`, a record each."""

    name: str
    step: Callable[[Any], object]
    items: Sequence[Any]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """`times_parsing`: how many times as long as parsing the same records with orjson."""

    stream: str
    side: str
    us: float
    records_per_second: int
    times_parsing: float
    note: str


def hubspot_sides(people: int) -> list[Side]:
    raws = hubspot_contacts(people)
    lens = load("hubspot", "contacts")
    simple = compiled(SIMPLE, "benchmarks/peers.py")
    sides = lens_sides(lens, raws)
    only = simple.reader(simple.by_field)
    one = lens.reader(["city"])
    sides += [
        Side("lens, the peers' simpler job", only, raws, "15 fields: trim, case, split, table; sets sorted and unique"),
        Side("lens, one field of it", one, raws, "Lens.reader: what planning an edit reads of a record"),
    ]
    return sides + [Side(peer.name, peer.run, raws[:SLOW], peer.does) for peer in peers()]


def lens_sides(lens: Lens, raws: list[dict[str, Any]]) -> list[Side]:
    values = [dict(lens.get(raw).values) for raw in raws]
    # Each record gets some values of the next one.
    moved = [{name: value[name] for name in FEW if name in value} for value in [*values[1:], values[0]]]
    about = f"{len(lens.by_field)} fields, phones in E.164, countries, sets, {len(lens.keys)} kinds of keys, consent"
    return [
        Side("orjson.loads", orjson.loads, [orjson.dumps(raw) for raw in raws], f"{len(raws[0])} keys a record"),
        Side("lens.get", lens.get, raws, about),
        Side("lens.put, a new record", lens.put, values, "every value that is written"),
        Side(
            f"lens.put, {len(FEW)} fields onto a record",
            lambda pair: lens.put(pair[0], None, pair[1]),
            list(zip(moved, raws, strict=True)),
            "reads what the record shows, writes what differs",
        ),
    ]


def measured(stream: str, sides: list[Side], rounds: int) -> list[Result]:
    best = dict.fromkeys((side.name for side in sides), float("inf"))
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for side in sides:
            phones.found.cache_clear()
            best[side.name] = min(best[side.name], one_round(side))
    gc.unfreeze()
    parsing = best["orjson.loads"]
    return [
        Result(
            stream, s.name, round(best[s.name], 2), round(1e6 / best[s.name]), round(best[s.name] / parsing, 2), s.note
        )
        for s in sides
    ]


def one_round(side: Side) -> float:
    """Microseconds of CPU time a record."""
    step, items = side.step, side.items
    started = time.process_time()
    for item in items:
        step(item)
    return (time.process_time() - started) / len(items) * 1e6


def run(people: int, rounds: int) -> list[Result]:
    results = measured("hubspot/contacts", hubspot_sides(people), rounds)
    return results + measured(
        "mailchimp/members", lens_sides(load("mailchimp", "members"), mailchimp_members(people)), rounds
    )


def show(results: list[Result]) -> None:
    for stream in dict.fromkeys(result.stream for result in results):
        print(f"\n{stream}\n{'':34} {'µs':>8} {'records/s':>10} {'× parsing':>10}")
        for result in results:
            if result.stream == stream:
                print(
                    f"{result.side:34} {result.us:8.2f} {result.records_per_second:10,} "
                    f"{result.times_parsing:10.2f}  {result.note}"
                )
    print("\nNo peer can make E.164 of a phone, a code of a country, match keys or consent, and none can write back.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    said = parser.parse_args()
    results = run(said.people, said.rounds)
    if said.json:
        print(orjson.dumps([asdict(result) for result in results]).decode())
    else:
        show(results)


if __name__ == "__main__":
    main()
