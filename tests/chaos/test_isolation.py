"""A vendor that takes connections and never answers holds up nobody else. `benchmarks/isolation.py` measures by how
little; here it is counted, so that it holds on a busy machine too."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.chaos.gate import Silence, street, until
from tests.conftest import EmptyStore

EDITS = 10
READ = "/people"


async def test_while_one_vendor_leaves_its_first_question_unanswered_edits_go_between_the_others(
    empty_store: EmptyStore, redis_url: str, tmp_path: Path
) -> None:
    """Ten edits in turn, each seen, heard and told, within the time of one silence: nobody waited for it."""
    with ExitStack() as stack:
        silence = stack.enter_context(Silence())
        made = await street(tmp_path, [await empty_store("postgresql")], redis_url, stack, dead=silence.url)
        a = made.vendors["a"]
        ann = a.create({"email": "ann@example.com", "title": "Nr0"})
        (worker,) = made.workers
        worker.start()
        await until(lambda: silence.connected > 0, "a question to the silent one")
        await until(lambda: made.agrees("title", "Nr0"), "Ann")
        asked = silence.connected
        edits = 0
        for number in range(1, EDITS + 1):
            a.edit(ann, {"title": f"Nr{number}"})
            await until(lambda number=number: made.agrees("title", f"Nr{number}"), "an edit")
            edits += silence.connected == asked
        walks = {name: sum(path == READ for path, _ in gate.passed) for name, gate in made.gates.items()}
        assert edits >= EDITS // 2, "the silent one was given up before the others got anywhere"
        assert min(walks.values()) >= EDITS, walks
        assert silence.connected <= asked + 2, "and it is not asked again and again"
