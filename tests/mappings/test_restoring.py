"""Putting values back in the form in which the record held them."""

from __future__ import annotations

from typing import Any

import pytest

from mappings import library
from mappings.lens import Lens
from mappings.paths import getter, merged
from mappings.restoring import restore


@pytest.fixture(scope="module")
def hubspot() -> Lens:
    return library.load("hubspot", "contacts")


def record(**properties: Any) -> dict[str, Any]:
    return {"email": "ann@example.com", **properties}


def back(lens: Lens, before: dict[str, Any], told: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The record after `told` was written to it and the fields were put back."""
    raw = merged(before, lens.put(told, {}, before).values)
    wanted = {n: lens.get(before).values[n] for n in names}
    payload = restore(lens, wanted, raw, dict.fromkeys(names, before))
    return merged(raw, payload.values)


def test_a_value_comes_back_byte_for_byte_though_its_canonical_form_is_another(hubspot: Lens) -> None:
    before = record(phone=" (212) 555-0100 ", firstname="ANN ", jobtitle="  Chief\u00a0Executive")
    told = {"phone": "+49301234567", "given_name": "Berta", "title": "Clerk"}
    names = [n for n in told if n in hubspot.get(before).values]
    assert len(names) == 3
    after = back(hubspot, before, told, names)
    for path in ("phone", "firstname", "jobtitle"):
        assert getter(path)(after) == before[path]


def test_a_blank_comes_back_in_the_form_of_the_document(hubspot: Lens) -> None:
    before = record(jobtitle=None)
    after = back(hubspot, before, {"title": "Clerk"}, ["title"])
    assert not hubspot.get(after).values["title"]


def test_without_an_image_the_form_of_the_document_is_used(hubspot: Lens) -> None:
    raw = record(jobtitle="Clerk")
    payload = restore(hubspot, {"title": "Chief"}, raw, {})
    assert payload == hubspot.put({"title": "Chief"}, {}, raw)


def test_an_old_form_that_no_longer_reads_as_the_value_is_not_used(hubspot: Lens) -> None:
    raw, image = record(jobtitle="Clerk"), record(jobtitle="Somebody else")
    payload = restore(hubspot, {"title": "Chief"}, raw, {"title": image})
    assert hubspot.get(merged(raw, payload.values)).values["title"] == "Chief"
