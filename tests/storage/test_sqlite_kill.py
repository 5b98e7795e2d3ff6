"""`kill -9` at full rate: what was acknowledged is there, and nothing is there by half."""

import asyncio
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from tests.storage.batches import commit, puts

from muster.storage.sqlite import FILE_NAME, SqliteStore

ROUNDS = 20
ACKNOWLEDGED_PER_ROUND = 60
WRITERS = 8
KEYS = "abc"


async def write_at_full_rate(path: Path, prefix: str) -> None:
    """Say each batch's name on stdout once it is committed, until killed."""
    store = await SqliteStore.open(path)
    numbers = count()

    async def write() -> None:
        while True:
            name = f"{prefix}-{next(numbers)}"
            await commit(store, puts(name, *(f"{name}/{key}" for key in KEYS), value=b"x" * 600))
            print(name, flush=True)

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(write())


def run_and_kill(path: Path, prefix: str) -> set[str]:
    """The names that were acknowledged up to the kill."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.storage.test_sqlite_kill", path, prefix],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        names = [writer.stdout.readline().strip() for _ in range(ACKNOWLEDGED_PER_ROUND)]
        writer.kill()
        rest = writer.stdout.read()
    complete, _, _ = rest.rpartition("\n")
    return {*names, *complete.split()}


@pytest.mark.fault
async def test_nothing_acknowledged_is_missing_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        acknowledged |= run_and_kill(path, f"round-{number}")
    store = await SqliteStore.open(path)
    loaded = await store.load()
    await store.close()

    stored = {record.key for record in loaded.records}
    whole = {record.op for record in loaded.records}
    assert len(acknowledged) >= ROUNDS * ACKNOWLEDGED_PER_ROUND
    assert acknowledged <= whole
    assert stored == {f"{name}/{key}" for name in whole for key in KEYS}
    assert loaded.revision == len(whole)


if __name__ == "__main__":
    asyncio.run(write_at_full_rate(Path(sys.argv[1]), sys.argv[2]))
