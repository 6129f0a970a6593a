"""Whose turn it is to write: one at a time, the hurried first, and nobody is forgotten."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from hub.store.turnstile import Turnstile


async def test_the_hurried_pass_the_others_who_go_in_the_order_in_which_they_came() -> None:
    turnstile, went = Turnstile(), list[str]()

    async def go(name: str, *, hurried: bool = False) -> None:
        async with turnstile.turn(hurried=hurried):
            went.append(name)
            for _ in range(5):
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for name in ("a", "b", "c"):
            tasks.create_task(go(name))
        await asyncio.sleep(0)
        for name in ("x", "y"):
            tasks.create_task(go(name, hurried=True))
    assert went == ["a", "x", "y", "b", "c"]


COMERS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 12)), max_size=12)


@given(COMERS)
def test_whoever_gives_up_whenever_only_one_is_inside_and_everybody_else_gets_there(
    comers: list[tuple[bool, int, int]],
) -> None:
    """Each comes hurried or not, stays for some rounds of the loop, and gives up after some rounds (0: never)."""

    async def play() -> None:
        turnstile, inside = Turnstile(), 0

        async def go(hurried: bool, stays: int) -> bool:
            nonlocal inside
            async with turnstile.turn(hurried=hurried):
                inside += 1
                assert inside == 1
                try:
                    for _ in range(stays):
                        await asyncio.sleep(0)
                finally:
                    inside -= 1
            return True

        async def give_up(task: asyncio.Task[bool], after: int) -> None:
            for _ in range(after):
                await asyncio.sleep(0)
            task.cancel()

        tasks = [asyncio.create_task(go(hurried, stays)) for hurried, stays, _ in comers]
        leaving = [
            asyncio.create_task(give_up(task, after)) for task, (*_, after) in zip(tasks, comers, strict=True) if after
        ]
        async with asyncio.timeout(10):
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*leaving)
            assert await go(hurried=False, stays=1), "the way is free again"
        for end, (*_, after) in zip(ended, comers, strict=True):
            assert end is True or (after and isinstance(end, asyncio.CancelledError)), end

    asyncio.run(play())
