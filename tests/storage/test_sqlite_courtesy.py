"""An event loop that never rests does not keep the store from committing."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from tests.storage.batches import commit, put, values

from muster.storage.sqlite import FILE_NAME, SqliteStore
from muster.storage.sqlite.courtesy import Courtesy

TURN_S = 0.000_5
COMMITS = 50
TURNS_AT_MOST = 5_000
"""Some seven turns per commit are usual; without courtesy, thousands."""


async def saturate(turns: int) -> None:
    """Always have work at hand, like a server with more requests than it can answer."""
    for _ in range(turns):
        until = time.monotonic() + TURN_S
        while time.monotonic() < until:
            pass
        await asyncio.sleep(0)


async def work(store: SqliteStore, backup: Path) -> None:
    for n in range(COMMITS):
        await commit(store, put(f"key-{n}"))
    assert len(await values(store)) == COMMITS
    await store.backup(backup)


async def test_a_saturated_loop_lets_the_writer_run(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / FILE_NAME)
    async with asyncio.TaskGroup() as group:
        hog = group.create_task(saturate(TURNS_AT_MOST))
        await work(store, tmp_path / "backup.db")
        assert not hog.done()
        hog.cancel()
    await store.close()


class Timers:
    """A loop that keeps its timers until they are fired by hand."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_later(self, _delay: float, callback: Callable[[], None]) -> None:
        self.due.append(callback)

    def fire(self) -> None:
        due, self.due = self.due, []
        for callback in due:
            callback()


def test_the_loop_looks_only_while_somebody_waits() -> None:
    timers = Timers()
    courtesy = Courtesy(cast("asyncio.AbstractEventLoop", timers), lambda: False)
    assert len(timers.due) == 0
    with courtesy:
        with courtesy:
            assert len(timers.due) == 1
        timers.fire()
        assert len(timers.due) == 1
    timers.fire()
    assert len(timers.due) == 0
    with courtesy:
        assert len(timers.due) == 1
