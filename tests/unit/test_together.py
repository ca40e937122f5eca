"""Mails that arrive at the same time are committed together, and fail apart."""

import asyncio

import pytest

from inbox.db import DatabaseGone
from inbox.staging import MOST_TOGETHER, Arrival, Together
from models import ChannelKind


def arrival(key: str) -> Arrival:
    return Arrival(1, ChannelKind.EMAIL, key, b"", {})


class Disk:
    """Stores what it is given, one commit at a time, when it is let."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.turn = asyncio.Event()
        self.bad: dict[str, Exception] = {}

    async def __call__(self, arrivals: list[Arrival]) -> None:
        keys = [one.dedupe_key for one in arrivals]
        await self.turn.wait()
        for key in keys:
            if key in self.bad:
                raise self.bad[key]
        self.commits.append(keys)


async def begin(together: Together, *keys: str) -> list["asyncio.Task[None]"]:
    """Hand over one after the other; nobody is answered yet."""
    tasks = []
    for key in keys:
        tasks.append(asyncio.create_task(together.keep([arrival(key)])))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


async def test_what_gathers_while_one_is_written_shares_a_commit() -> None:
    disk = Disk()
    tasks = await begin(Together(disk), "a", "b", "c", "d")
    assert not any(task.done() for task in tasks)  # nobody hears yes before the disk has it
    disk.turn.set()
    await asyncio.gather(*tasks)
    assert disk.commits == [["a"], ["b", "c", "d"]]


async def test_one_bad_mail_is_refused_alone() -> None:
    disk = Disk()
    disk.bad["c"] = ValueError("not this one")
    tasks = await begin(Together(disk), "a", "b", "c", "d")
    disk.turn.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(one) for one in results if one] == ["not this one"]
    assert sorted(key for keys in disk.commits for key in keys) == ["a", "b", "d"]


async def test_without_a_database_all_are_told_and_none_is_tried_again() -> None:
    disk = Disk()
    disk.bad["b"] = DatabaseGone("away")
    tasks = await begin(Together(disk), "a", "b", "c")
    disk.turn.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in results] == [type(None), DatabaseGone, DatabaseGone]
    assert disk.commits == [["a"]]


async def test_a_sender_who_leaves_holds_up_nobody() -> None:
    disk = Disk()
    together = Together(disk)
    tasks = await begin(together, "a", "b", "c")
    tasks[1].cancel()
    disk.turn.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in results] == [type(None), asyncio.CancelledError, type(None)]
    assert disk.commits == [["a"], ["b", "c"]]  # its mail is kept all the same
    await asyncio.wait_for(together.keep([arrival("d")]), 5)


@pytest.mark.parametrize("count", [MOST_TOGETHER + 2])
async def test_a_commit_has_an_upper_bound(count: int) -> None:
    disk = Disk()
    tasks = await begin(Together(disk), *(str(number) for number in range(count)))
    disk.turn.set()
    await asyncio.gather(*tasks)
    assert [len(keys) for keys in disk.commits] == [1, MOST_TOGETHER, 1]
