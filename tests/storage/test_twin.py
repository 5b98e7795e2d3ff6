"""Any history of commits, restarts and kills: a store and a dict of the dumbest kind never differ."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.storage.batches import take
from tests.storage.faulty_disk import FaultyDisk, disk_error

from muster.registry.store import (
    Batch,
    Changes,
    CommitOutcome,
    Committed,
    Condition,
    Conflict,
    Put,
    Removed,
    Store,
    Stored,
    StoreUnavailable,
    Unknown,
    Write,
)
from muster.storage.memory import MemoryStore
from muster.storage.sqlite import FILE_NAME, SqliteStore

T = TypeVar("T")
KEYS = st.sampled_from(["a", "b", "c", "d", "é"])
VALUES = st.one_of(st.none(), st.binary(max_size=20))
STALE = st.integers(0, 5)


class Machine(RuleBasedStateMachine):
    """The twin: a dict of records, a list of transactions, a number."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.records: dict[str, Stored] = {}
        self.told: list[Changes] = []
        self.forgotten = 0
        self.store: Store

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.store = self.run(self.open())

    async def open(self) -> Store:
        return MemoryStore()

    @property
    def head(self) -> int:
        return self.forgotten + len(self.told)

    def revision(self, key: str) -> int:
        return self.records[key].revision if key in self.records else 0

    @rule(values=st.dictionaries(KEYS, VALUES, min_size=1), conditions=st.sets(KEYS), op=st.text(max_size=3))
    def commit_what_was_seen(self, values: dict[str, bytes | None], conditions: set[str], op: str) -> None:
        writes = tuple(Write(key, value, self.revision(key)) for key, value in values.items())
        batch = Batch(op, writes, tuple(Condition(key, self.revision(key)) for key in conditions))
        assert self.run(self.store.commit(batch)) == Committed(self.head + 1)
        self.apply(batch)

    @rule(
        values=st.dictionaries(KEYS, st.tuples(VALUES, STALE), min_size=1),
        conditions=st.dictionaries(KEYS, STALE),
    )
    def commit_anything(
        self, values: dict[str, tuple[bytes | None, int]], conditions: dict[str, int]
    ) -> None:
        writes = tuple(Write(key, value, expected) for key, (value, expected) in values.items())
        batch = Batch("any", writes, tuple(Condition(*condition) for condition in conditions.items()))
        wrong = {c.key for c in (*batch.writes, *batch.conditions) if self.revision(c.key) != c.expected}
        outcome = self.run(self.store.commit(batch))
        if wrong:
            assert isinstance(outcome, Conflict)
            assert set(outcome.keys) == wrong
        else:
            assert outcome == Committed(self.head + 1)
            self.apply(batch)

    @rule(key=KEYS, length=st.integers(2, 6))
    def commit_a_chain_at_once(self, key: str, length: int) -> None:
        """Each batch expects the one before it; they may share a transaction on disk."""
        first, head = self.revision(key), self.head
        batches = [Batch(str(n), (Write(key, b"%d" % n, head + n if n else first),)) for n in range(length)]

        async def together() -> list[object]:
            return list(await asyncio.gather(*map(self.store.commit, batches)))

        assert self.run(together()) == [Committed(head + n + 1) for n in range(length)]
        for batch in batches:
            self.apply(batch)

    def apply(self, batch: Batch) -> None:
        entries: list[Put | Removed] = []
        revision = self.head + 1
        for write in batch.writes:
            self.records.pop(write.key, None)
            if write.value is None:
                entries.append(Removed(write.key))
            else:
                entries.append(Put(write.key, write.value))
                self.records[write.key] = Stored(write.key, write.value, revision, batch.op)
        self.told.append(Changes(revision, batch.op, tuple(entries)))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def tail_from_anywhere(self, data: st.DataObject) -> None:
        skip = data.draw(st.integers(0, len(self.told) - 1))
        heard = self.run(take(self.store.tail(self.forgotten + skip), len(self.told) - skip))
        assert heard == self.told[skip:]

    @invariant()
    def the_records_are_the_same(self) -> None:
        if hasattr(self, "store"):
            loaded = self.run(self.store.load())
            assert {record.key: record for record in loaded.records} == self.records
            assert loaded.revision == self.head

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
        self.runner.close()


class SqliteMachine(Machine):
    """The same with a disk under it, which fails now and then, and a process that stops or dies."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name, "life") / FILE_NAME
        self.lives = count()
        self.disk = FaultyDisk()

    async def open(self) -> Store:
        return await SqliteStore.open(self.path, connection=self.disk.kind)

    @rule(at=st.sampled_from(["BEGIN", "SELECT json", "INSERT", "UPDATE head", "COMMIT"]), key=KEYS)
    def the_disk_fails(self, at: str, key: str) -> None:
        self.disk.fail_once(at, disk_error("SQLITE_IOERR_WRITE"))
        batch = Batch("fails", (Write(key, b"", self.revision(key)),))
        assert isinstance(self.run(self.outcome(batch)), StoreUnavailable)

    @rule(really=st.booleans(), key=KEYS)
    def a_sync_fails(self, really: bool, key: str) -> None:
        self.disk.fail_once("COMMIT", disk_error("SQLITE_IOERR_FSYNC"), really=really)
        batch = Batch("in doubt", (Write(key, b"", self.revision(key)),))
        assert isinstance(self.run(self.outcome(batch)), Unknown)
        if really:
            self.apply(batch)

    async def outcome(self, batch: Batch) -> CommitOutcome | StoreUnavailable:
        try:
            return await self.store.commit(batch)
        except StoreUnavailable as error:
            return error

    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        self.reopen()

    @rule()
    def die_and_start(self) -> None:
        """What is on the disk now is all that the next process finds."""
        found = self.path.parent.with_suffix(f".{next(self.lives)}")
        shutil.copytree(self.path.parent, found)
        self.run(self.store.close())
        self.path = found / FILE_NAME
        self.reopen()

    def reopen(self) -> None:
        self.store = self.run(self.open())
        self.forgotten, self.told = self.head, []

    def teardown(self) -> None:
        super().teardown()
        self.directory.cleanup()


TestMemory = Machine.TestCase
TestMemory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSqlite = SqliteMachine.TestCase
TestSqlite.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
