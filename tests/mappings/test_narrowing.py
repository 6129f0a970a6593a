"""A lens without some of its fields: they are silent both ways, and the rest is as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.policy import Direction, Weight
from mappings import library
from mappings.compile import lens
from tests.mappings.documents import EVERYTHING

WHOLE = lens(EVERYTHING, "acme.yaml")
RAW: dict[str, Any] = {
    "email": "a@x.com",
    "names": {"first": "Anna", "last": "Smith"},
    "title": "CEO",
    "owner": {"email": "o@x.com"},
    "status": "unsubscribed",
    "city": "Rome",
}


def test_nothing_dropped_is_the_same_lens() -> None:
    assert WHOLE.without([]).hash == WHOLE.without(["no_such_field"]).hash == WHOLE.hash


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(sorted(WHOLE.policy.fields))))
def test_dropped_fields_are_silent_and_the_others_unchanged(names: set[str]) -> None:
    less = WHOLE.without(names)
    whole, read = WHOLE.get(RAW), less.get(RAW)
    assert read.values == {name: value for name, value in whole.values.items() if name not in names}
    assert {f"consent.{c}" for c in read.consent} == {f"consent.{c}" for c in whole.consent} - names
    values = {"given_name": "Bea", "title": "CFO", "city": "Oslo", "owner_email": "p@x.com", "email": "b@x.com"}
    told = WHOLE.put({n: v for n, v in values.items() if n not in names}, None, RAW)
    assert less.put(values, None, RAW) == told
    assert (less.hash == WHOLE.hash) == (not names)
    assert less.without(()).hash == less.hash
    assert set(less.reads) <= set(WHOLE.reads)


def test_paths_that_others_need_are_still_requested() -> None:
    less = WHOLE.without(["city", "given_name", "custom.spend"])
    assert "city" not in less.reads
    assert "names.first" in less.reads, "the match key needs it"
    assert "currency" in less.reads, "another field shows it"
    assert "spend" not in less.writes
    assert "spend" not in less.reads


def test_words_said_before_still_count_and_nobody_gets_a_say_by_it() -> None:
    less = WHOLE.without(["email", "owner_email", "consent.email"])
    assert less.policy.fields["email"].direction is Direction.IN
    assert less.policy.fields["email"].weight is Weight.OWNER
    assert less.policy.fields["owner_email"].weight is Weight.NEVER, "it was `out`"
    assert not less.policy.creates, "the key of creates is not written"
    assert less.policy.grants == ()


@pytest.mark.parametrize(("connector", "stream"), library.names())
def test_every_field_of_the_library_can_be_dropped(connector: str, stream: str) -> None:
    whole = library.load(connector, stream)
    for name in whole.policy.fields:
        less = whole.without([name])
        assert name not in less.by_field
        assert name not in less.get(dict.fromkeys(whole.reads, "x")).values
