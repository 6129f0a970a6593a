"""The tests of publishing can fail: without one of its rules, the named one does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from hub.domain.policy import Weight
from hub.errors import HubError
from sync_jobs import narrow, publish, rereading, suspicion, verdicts
from sync_jobs.rulebook import Rulebook
from sync_jobs.simulation.stage import Stage
from tests.sync_jobs import test_publish as tests
from tests.sync_jobs.test_publish import three  # noqa: F401 a fixture


@contextmanager
def a_new_form_is_news() -> Iterator[None]:
    """What was agreed is not put into the words of the new document."""
    kept = lambda link, *_: link  # noqa: E731
    with patch.object(verdicts, "reread", kept), patch.object(narrow, "reread", kept):
        yield


@contextmanager
def nothing_is_read_again() -> Iterator[None]:
    async def nobody(*_: Any) -> Any:
        return
        yield

    with patch.object(rereading, "records", nobody):
        yield


@contextmanager
def nobody_becomes_due() -> Iterator[None]:
    """The edited sink is not told what its decisions have become."""

    async def nothing(*_: Any) -> None:
        return None

    with patch.object(rereading.golden, "make_due", nothing):
        yield


@contextmanager
def every_word_counts() -> Iterator[None]:
    """Also one in a field that only goes out."""
    with patch.object(Rulebook, "_weight", lambda *_: Weight.RANKED):
        yield


@contextmanager
def classes_need_no_leave() -> Iterator[None]:
    with patch.object(publish, "_allowed", lambda *_: None):
        yield


@contextmanager
def nobody_is_suspected() -> Iterator[None]:
    """The database is not asked whom an edit of the policy concerns."""
    with patch.object(suspicion, "questions", lambda *_: []), patch("sync_jobs.whatif.questions", lambda *_: []):
        yield


CAUGHT_BY: dict[Callable[[], Any], Callable[[Stage], Awaitable[None]]] = {
    a_new_form_is_news: tests.test_a_normaliser_moves_what_it_touches_and_nothing_else,
    nothing_is_read_again: tests.test_a_new_field_carries_what_is_there_over_at_once,
    nobody_becomes_due: tests.test_a_class_that_was_not_allowed_needs_a_person,
    every_word_counts: tests.test_a_direction_that_opens_carries_words_that_were_kept,
    classes_need_no_leave: tests.test_a_class_that_was_not_allowed_needs_a_person,
    nobody_is_suspected: tests.test_a_class_that_was_not_allowed_needs_a_person,
}


@pytest.mark.parametrize("mutant", CAUGHT_BY, ids=lambda mutant: mutant.__name__)
async def test_a_mutant_is_caught(mutant: Callable[[], Any], three: Stage) -> None:  # noqa: F811
    with mutant(), pytest.raises((AssertionError, KeyError, pytest.fail.Exception, HubError)):
        await CAUGHT_BY[mutant](three)
