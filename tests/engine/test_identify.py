"""Who is who: components, whatever the order."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.keys import Address, Key, entity_id
from hub.engine.identify import CROWD, Candidate, identify

KEYS = [Key("email", f"{c}@example.com") for c in "abcdef"]


def record(number: int, *keys: Key, entity: str | None = None) -> Candidate:
    return Candidate(Address("alpha", "people", f"{number:03d}"), keys, entity)


def partition(batches: list[list[Candidate]]) -> set[frozenset[Address]]:
    """Identifies batch after batch, as the store would remember between them."""
    entities: dict[Address, str] = {}
    held: dict[Key, list[Address]] = defaultdict(list)
    for batch in batches:
        holders = {k: [(a, entities[a]) for a in addresses] for k, addresses in held.items()}
        result = identify("contact", batch, holders)
        entities.update(result.entity_of)
        entities = {a: result.merged.get(e, e) for a, e in entities.items()}
        for candidate in batch:
            for key in candidate.keys:
                held[key].append(candidate.address)
    groups: dict[str, set[Address]] = defaultdict(set)
    for address, entity in entities.items():
        groups[entity].add(address)
    return {frozenset(g) for g in groups.values()}


@given(st.lists(st.sets(st.sampled_from(KEYS), max_size=3), min_size=1, max_size=12), st.randoms(), st.integers(1, 5))
def test_entities_are_components_in_any_order_and_any_batching(sets, chance, size) -> None:
    records = [record(n, *sorted(keys)) for n, keys in enumerate(sets)]
    together = partition([records])
    shuffled = list(records)
    chance.shuffle(shuffled)
    batches = [shuffled[i : i + size] for i in range(0, len(shuffled), size)]
    assert partition(batches) == together


def test_a_new_entity_is_named_after_its_founder() -> None:
    result = identify("contact", [record(2, KEYS[0]), record(1, KEYS[0])], {})
    ids = set(result.entity_of.values())
    assert len(ids) == 1
    assert ids <= {entity_id("contact", record(n).address) for n in (1, 2)}
    assert result.founded == ids


def test_a_record_that_holds_two_entities_keys_merges_them_into_the_smaller() -> None:
    holders = {KEYS[0]: [(record(1).address, "con_a")], KEYS[1]: [(record(2).address, "con_b")]}
    result = identify("contact", [record(3, KEYS[0], KEYS[1])], holders)
    assert result.merged == {"con_b": "con_a"}
    assert result.entity_of[record(3).address] == "con_a"


def test_a_linked_record_stays_when_its_keys_are_new() -> None:
    result = identify("contact", [record(1, KEYS[5], entity="con_a")], {})
    assert result.entity_of[record(1).address] == "con_a"
    assert not result.merged


def test_a_key_of_a_crowd_joins_nobody() -> None:
    holders = {KEYS[0]: [(record(n).address, f"con_{n}") for n in range(CROWD + 1)]}
    result = identify("contact", [record(99, KEYS[0])], holders)
    assert result.crowded == (KEYS[0],)
    assert result.entity_of[record(99).address] in result.founded
