"""Every mutant is caught: by the named directed history, or by a random one of the named seed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from sync_jobs.simulation import simulate
from sync_jobs.simulation.stage import Stage
from tests.conftest import EmptyStore
from tests.sim import mutants, test_histories, test_undo

CAUGHT_BY: dict[str, str | int] = {
    "no_echo": "test_case_folding_and_trimming_remotes_do_not_bounce",
    "no_attempt_row": "test_what_our_lost_create_made_is_not_that_systems_own_word",
    "blind_create": "test_a_record_made_there_since_the_last_read_is_found_before_a_create",
    "retry_in_doubt": "test_a_delete_while_a_write_is_in_doubt",
    "doubt_is_forgotten": "test_a_delete_while_a_write_is_in_doubt",
    "delete_beats_edit": "test_a_delete_on_one_side_with_an_edit_on_the_other",
    "no_tombstone": "test_a_deletion_reaches_every_system_and_a_tombstone_lasts",
    "telling_before_hearing": "test_an_edit_made_there_since_the_last_read_is_heard_before_a_write",
    "looking_without_hearing": "test_a_record_made_there_since_the_last_read_is_found_before_a_create",
    "consent_by_newest": "test_an_opt_out_that_somebody_unticks_is_told_again",
    "consent_is_told_once": "test_an_opt_out_that_somebody_unticks_is_told_again",
    "gone_while_in_doubt": "test_a_delete_while_a_write_is_in_doubt",
    "blanks_are_erasures": "test_a_blank_in_a_better_ranked_record_that_never_had_a_value",
    "newest_wins": "test_a_better_ranked_word_holds_against_a_newer_one",
    "aliases_are_ignored": "test_an_id_change_keeps_the_link_and_its_memory",
    "answers_swallow_edits": "test_an_edit_of_another_field_during_our_write_is_not_swallowed",
    "merges_are_deletions": "test_a_vendor_merge_of_two_addresses_removes_nobody",
    "undo_is_told": "test_an_undo_puts_back_what_every_system_held_and_it_stays_so",
    "undo_in_doubt_is_told": "test_a_sync_after_a_lost_reply_of_an_undo_does_not_tell_it_again",
    "undo_of_what_others_changed": "test_an_edit_made_there_since_is_kept_and_listed",
    "undo_without_a_look": "test_an_edit_made_there_since_is_kept_and_listed",
    "undo_in_canonical_form": "test_a_value_comes_back_as_it_was_typed",
    "archiving_buries": "test_a_repeated_archiving_buries_nobody",
}


def test_every_mutant_has_its_catcher_or_its_reason() -> None:
    assert set(mutants.ALL) == set(CAUGHT_BY) | set(mutants.SURVIVES)
    assert len(mutants.ALL) >= 10


CASES = [(name, "sqlite") for name in sorted(CAUGHT_BY)]
CASES += [(name, "postgresql") for name in ("no_echo", "retry_in_doubt", "consent_by_newest", "undo_without_a_look")]


@pytest.mark.parametrize(("name", "dialect"), CASES)
async def test_a_mutant_is_caught(name: str, dialect: str, tmp_path: Path, empty_store: EmptyStore) -> None:
    catcher = CAUGHT_BY[name]
    if isinstance(catcher, int):
        with mutants.ALL[name]():
            assert (await simulate(catcher, 40, "none")).violations
        return
    history = getattr(test_histories, catcher, None) or getattr(test_undo, catcher)
    stage = await Stage.set(tmp_path, Random(1), "none", database_url=await empty_store(dialect))
    try:
        with mutants.ALL[name](), pytest.raises(AssertionError):
            await history(stage)
    finally:
        await stage.close()
