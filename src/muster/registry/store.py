"""The Store port: what the registry asks of whatever keeps its records.

A store is a total order of small transactions over opaque records. It knows keys, bytes and revisions; it knows nothing of
instances. Every registry state is a fold over what the store committed, in the store's order, whoever wrote it.

    load()            everything that is there now, at one revision
    commit(batch)     all of the batch's writes or none, guarded by the revisions the writer saw
    tail(after)       every committed change above a revision, in order, for ever

`SharedStore` is the port of one that several registries use at once.

One contract suite (`tests/storage/contract.py`) runs against every implementation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from msgspec import Struct


class Write(Struct, frozen=True, gc=False):
    """One record put (`value`) or removed (`value is None`), if its key is still as the writer saw it.

    `expected` is the revision of the last write to `key` that the writer had seen; 0 means "no such key". `lease`: the store removes
    the record by itself when that lease ends (`SharedStore`; 0 for none).
    """

    key: str
    value: bytes | None
    expected: int
    lease: int = 0


class Condition(Struct, frozen=True, gc=False):
    """A condition on a key that the batch does not write: it is still at `expected` (0: still absent)."""

    key: str
    expected: int


class Batch(Struct, frozen=True, gc=False):
    """One transaction. `op` names the operation and is stored with every record, so that a lost answer can be settled:
    whoever finds its own `op` on a record, or in the tail, knows the batch was committed."""

    op: str
    writes: tuple[Write, ...]
    conditions: tuple[Condition, ...] = ()


class Committed(Struct, frozen=True, gc=False):
    """The batch is durable; all its writes carry this one revision."""

    revision: int


class Conflict(Struct, frozen=True):
    """Nothing was written: these keys are not as the writer saw them."""

    keys: tuple[str, ...]


class Unknown(Struct, frozen=True):
    """The answer was lost: the batch may or may not be committed. The tail, or a load, tells by `op`."""

    reason: str


CommitOutcome = Committed | Conflict | Unknown


class StoreUnavailable(Exception):
    """Certainly not committed, and no fault of the writer's (disk full, no quorum). The message says what to do."""


class Stored(Struct, frozen=True, gc=False):
    """A record as the store holds it. `revision` is that of its last write."""

    key: str
    value: bytes
    revision: int
    op: str


class Loaded(Struct, frozen=True):
    """All records at one `revision`, of the history called `epoch`."""

    records: Sequence[Stored]
    revision: int
    epoch: str


class Put(Struct, frozen=True, gc=False):
    """`key` now holds `value`."""

    key: str
    value: bytes


class Removed(Struct, frozen=True, gc=False):
    """`key` is gone."""

    key: str


class Changes(Struct, frozen=True, gc=False):
    """One committed transaction, whole: entries in the order of the batch."""

    revision: int
    op: str
    entries: tuple[Put | Removed, ...]


class Compacted(Struct, frozen=True):
    """The changes after the asked revision are no longer kept: load again. Ends the tail."""


class EpochChanged(Struct, frozen=True):
    """The store holds another history now (restored, recreated): load again, tell every reader. Ends the tail."""

    epoch: str


TailEvent = Changes | Compacted | EpochChanged


class Store(Protocol):
    """Implementations: `muster.storage.memory`, `muster.storage.sqlite`, `muster.storage.etcd`."""

    async def load(self) -> Loaded:
        """Read everything. Raises `StoreUnavailable`."""
        ...

    async def commit(self, batch: Batch) -> CommitOutcome:
        """Apply the whole batch or nothing. Raises `StoreUnavailable` if it certainly was not applied.

        An empty batch, or two writes to one key, is a bug of the caller: `ValueError`.
        """
        ...

    def tail(self, after: int) -> AsyncIterator[TailEvent]:
        """Yield every transaction with a revision above `after`, in order, as it is committed, without end.

        A transaction is yielded no later than its `commit` returns `Committed`.
        Yields `Compacted` or `EpochChanged` once and ends when the history after `after` cannot be told.
        """
        ...

    async def close(self) -> None:
        """Finish what was accepted, then release everything. Idempotent; later calls raise `StoreUnavailable`.

        Live tails yield what was committed, then raise `StoreUnavailable`: a tail never ends in silence.
        """
        ...


class SharedStore(Store, Protocol):
    """A store that several registries use at once. It has leases: when one ends, the records written under it are removed.

    The removal is a transaction like any other, without an operation (`op` is "").
    """

    contact: float
    """When the store last proved that it is there, with its majority (s of the loop's clock)."""
    uncompacted: bool
    """Whether nobody removes its old revisions, when that was last looked at: it grows until it is full."""

    async def read(self, key: str) -> Stored | None:
        """The record as the store's majority has it now, None if there is none. Raises `StoreUnavailable`."""
        ...

    async def head(self) -> int:
        """The revision of the last transaction that the store's majority has now, of this history or the one before; 0 for none.
        Raises `StoreUnavailable`."""
        ...

    async def grant(self, ttl: int) -> int:
        """A lease of `ttl` s; its id. Raises `StoreUnavailable`."""
        ...

    async def keep(self, lease: int) -> float:
        """Renew a lease: how many seconds it has from the moment the store took it, 0 if it has ended. Raises `StoreUnavailable`."""
        ...

    async def revoke(self, lease: int) -> None:
        """End a lease now. Raises `StoreUnavailable`."""
        ...
