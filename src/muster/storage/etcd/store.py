"""The shared store: a `SharedStore` on etcd, with one watch over everything of ours.

    commit ---> etcd ---> watch ---> history ---> tails, then the committer

What a commit wrote is told by the watch before the committer is answered, whoever else writes at the same time. Once a second the
store looks whether etcd still holds the history it knows: a watch from a revision that etcd has not reached yet, because it was
put back to an older state, would stay silent for as long as it takes to get there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from random import Random, SystemRandom
from typing import Any

from muster.model import limits
from muster.registry.store import (
    Batch,
    CommitOutcome,
    Committed,
    Loaded,
    Stored,
    StoreUnavailable,
    TailEvent,
    Unknown,
)
from muster.storage.history import History
from muster.storage.plan import check, closed

from . import founding, reading, transactions
from .client import LEASE_GRANT, LEASE_KEEP, LEASE_REVOKE, RANGE, TXN, WATCH, Client
from .failures import CallFailed, Meaning, unavailable
from .founding import Found, found
from .layout import Layout, epoch_key, everything, home_key
from .location import Credentials, Location
from .messages import MESSAGES

OnCommit = Callable[[float], None]
UNCOMPACTED = (
    "nobody compacts this etcd: its database grows until its quota is used up and every write fails. "
    "Start etcd with --auto-compaction-retention=1h"
)
PUT_BACK = "etcd was put back to an older state: a new history begins, and every reader is told"


class EtcdStore:
    """Open it with `EtcdStore.open`. `warn` is told what an operator should know, in a sentence, and how it ended. Where `uncompacted`
    revisions back can still be read, nobody compacts."""

    def __init__(
        self,
        client: Client,
        at: Found,
        *,
        on_commit: OnCommit | None = None,
        warn: Callable[[str], None] = lambda words: None,
        rng: Random | None = None,
        history_bytes: int = limits.STORE_HISTORY_BYTES,
        uncompacted: int = limits.ETCD_UNCOMPACTED_REVISIONS,
    ) -> None:
        self.client = client
        self.layout = at.layout
        self._highest = at.theirs
        self._rng = rng or SystemRandom()
        self._on_commit = on_commit
        self._warn = warn
        self._history = History(
            epoch=at.layout.epoch.name, revision=at.layout.revision(at.theirs), budget=history_bytes
        )
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._accepted = 0
        self._idle = asyncio.Event()
        self._closing = False
        self._committed = 0
        self._watch_from = at.theirs
        self._patience = asyncio.timeout(None)
        self._behind_since: float | None = None
        self._long_ago = uncompacted
        self.uncompacted = False
        self.contact = self._loop.time()
        """When etcd last proved, by an answer it cannot give without its majority, that it is there (s of the loop)."""
        self._life = self._loop.create_task(self._live())

    def __repr__(self) -> str:
        return f"<EtcdStore {self.client!r} {self._history!r}>"

    @classmethod
    async def open(
        cls,
        location: Location,
        credentials: Credentials = Credentials(),
        *,
        on_commit: OnCommit | None = None,
        warn: Callable[[str], None] = lambda words: None,
        rng: Random | None = None,
        history_bytes: int = limits.STORE_HISTORY_BYTES,
        uncompacted: int = limits.ETCD_UNCOMPACTED_REVISIONS,
    ) -> EtcdStore:
        """Find the history below the location's prefix, or begin one. Raises `StoreUnavailable`, `OSError` for a file."""
        client = Client(location, credentials)
        try:
            at = await found(client, location.prefix, rng or SystemRandom())
        except BaseException:
            await client.close()
            raise
        return cls(
            client,
            at,
            on_commit=on_commit,
            warn=warn,
            rng=rng,
            history_bytes=history_bytes,
            uncompacted=uncompacted,
        )

    # --- The port ---------------------------------------------------------------------------------------------------

    async def load(self) -> Loaded:
        self._check_open()
        while True:
            layout = self.layout
            loaded = await reading.load(self.client, layout)
            if loaded is not None and layout is self.layout:
                self._history.known = max(self._history.known, loaded.revision)
                return loaded
            await self._look_again()

    async def commit(self, batch: Batch) -> CommitOutcome:
        """In the order of the calls, one at a time: what one writes, the next one may build on."""
        check(batch)
        transactions.check_size(batch)
        self._check_open()
        began = self._loop.time()
        self._accepted += 1
        try:
            async with self._turn:
                epoch = self._history.epoch
                outcome = await self._transact(batch)
        finally:
            self._accepted -= 1
            self._idle.set()
        if isinstance(outcome, Committed):
            self._committed = max(self._committed, outcome.revision)
            await self._history.until(outcome.revision)
            if self._history.epoch != epoch:
                return Unknown(
                    "etcd was put back before this write was told: it may be gone with what was there"
                )
            await asyncio.sleep(0)  # tails run first: nobody learns of a commit before they could
            if self._on_commit:
                self._on_commit(self._loop.time() - began)
        return outcome

    def tail(self, after: int) -> AsyncIterator[TailEvent]:
        self._check_open()
        return self._history.tail(after)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        while self._accepted:
            self._idle.clear()
            await self._idle.wait()
        try:
            async with asyncio.timeout(limits.ETCD_CALL_S):
                await self._history.until(self._committed)
        except TimeoutError:
            pass  # committed, and told by whoever reads etcd next
        self._history.close()
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)
        await self.client.close()

    def _check_open(self) -> None:
        if self._closing:
            raise closed()
        if self._life.done():
            self._life.result()  # a bug in there is loud here

    async def _transact(self, batch: Batch) -> CommitOutcome:
        layout, problem = self.layout, ""
        known = max(self._highest, self._watch_from)
        for _ in self.client.location.targets:
            try:
                answer = await self.client.call(TXN, transactions.request(batch, layout))
            except CallFailed as failed:
                problem = str(failed)
                if failed.meaning is Meaning.DOUBT:
                    return Unknown(problem)
                if failed.meaning is Meaning.ELSEWHERE:
                    continue
                break
            if answer.header.revision < known + answer.succeeded:
                await self._begin_again(layout)
                return Unknown(PUT_BACK)
            self._highest = max(self._highest, answer.header.revision)
            match transactions.outcome(answer, batch, layout):
                case transactions.EpochGone():
                    await self._look_again()
                    raise StoreUnavailable("etcd was restored, or holds another history now: ask again")
                case outcome:
                    return outcome
        raise StoreUnavailable(problem)

    async def read(self, key: str) -> Stored | None:
        """Linearizable: every endpoint would say the same."""
        layout = self.layout
        answer = await self.client.ask(RANGE, MESSAGES["RangeRequest"](key=layout.key(key)))
        return next((reading.stored(kv, layout) for kv in answer.kvs), None)

    async def head(self) -> int:
        """Linearizable. Every transaction of ours writes the same key, so it is that one's revision."""
        layout = self.layout
        answer = await self.client.ask(RANGE, MESSAGES["RangeRequest"](key=layout.last, keys_only=True))
        return max((layout.revision(kv.mod_revision) for kv in answer.kvs), default=0)

    # --- Leases -----------------------------------------------------------------------------------------------------

    async def grant(self, ttl: int) -> int:
        """A lease of `ttl` s; its id. Raises `StoreUnavailable`."""
        answer = await self.client.ask(LEASE_GRANT, MESSAGES["LeaseGrantRequest"](TTL=ttl))
        return int(answer.ID)

    async def keep(self, lease: int) -> float:
        """Renew a lease: the seconds it has from the moment etcd took it, 0 if it has ended. Raises `StoreUnavailable`."""
        try:
            async with asyncio.timeout(limits.ETCD_CALL_S):
                async for answer in self.client.stream(
                    LEASE_KEEP, MESSAGES["LeaseKeepAliveRequest"](ID=lease)
                ):
                    return float(answer.TTL)
        except CallFailed as failed:
            raise unavailable(failed) from None
        except TimeoutError:
            self.client.leave(self.client.target)
        raise StoreUnavailable("etcd did not renew the lease in time")

    async def revoke(self, lease: int) -> None:
        """End a lease, and with it its records. Raises `StoreUnavailable`."""
        try:
            await self.client.call(LEASE_REVOKE, MESSAGES["LeaseRevokeRequest"](ID=lease))
        except CallFailed as failed:
            raise unavailable(failed) from None

    # --- The watch --------------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._keep_looking())

    async def _follow(self) -> None:
        """Keep a watch open. It is interrupted, and begun anew elsewhere, by rescheduling `_patience`."""
        while True:
            try:
                async with asyncio.timeout(None) as self._patience:
                    await self._watch()
            except TimeoutError:
                self.client.leave(self.client.target)
            except CallFailed:
                await asyncio.sleep(limits.ETCD_RETRY_S)
            except StoreUnavailable:
                await asyncio.sleep(limits.ETCD_RETRY_S)

    async def _watch(self) -> None:
        start, end = everything(self.layout.prefix)
        create = MESSAGES["WatchCreateRequest"](
            key=start, range_end=end, start_revision=self._watch_from + 1, progress_notify=True
        )
        stream = self.client.stream(WATCH, MESSAGES["WatchRequest"](create_request=create))
        async with aclosing(stream) as answers:
            async for answer in answers:
                if answer.compact_revision:
                    await self._resync()
                    return
                if answer.canceled:
                    raise CallFailed(Meaning.ELSEWHERE, f"etcd ended the watch: {answer.cancel_reason}")
                if _moves(answer.events, self.layout):
                    await self._look_again()
                    return
                self._heard(answer)

    def _heard(self, answer: Any) -> None:
        """Publish what a watch says. Without an event it says how far it has come, unless it says only that it was opened."""
        if answer.events:
            self._history.publish(transactions.transactions(answer.events, self.layout))
            self._watch_from = answer.events[-1].kv.mod_revision
        elif not answer.created:
            self._watch_from = max(self._watch_from, answer.header.revision)

    async def _resync(self) -> None:
        """Etcd no longer has what comes next: every tail loads again."""
        self._settle(await found(self.client, self.layout.prefix, self._rng, base=self._base()))

    async def _look_again(self, stale: str = "") -> None:
        """See which history there is, and be there."""
        at = await found(self.client, self.layout.prefix, self._rng, base=self._base(), stale=stale)
        if at.layout != self.layout:
            self._settle(at)

    async def _begin_again(self, layout: Layout) -> None:
        """Etcd is behind what it said before: what it says from here on is another history, even where it gets as far again."""
        if layout is self.layout:
            self._warn(PUT_BACK)
            await self._look_again(stale=layout.epoch.name)

    def _settle(self, at: Found) -> None:
        self.layout = at.layout
        self._highest = self._watch_from = at.theirs
        self._behind_since = None
        self._history.replace(epoch=at.layout.epoch.name, revision=at.layout.revision(at.theirs))
        self._interrupt()

    def _base(self) -> int:
        """Where a history begins that replaces ours: above all that we told."""
        return self._history.known + 1

    def _interrupt(self) -> None:
        try:
            self._patience.reschedule(self._loop.time())
        except RuntimeError:
            pass  # no watch is open at this moment

    # --- Looking ----------------------------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        looked_back = self._loop.time() - limits.ETCD_COMPACTION_LOOK_S
        while True:
            try:
                await self._look()
                if self._loop.time() - looked_back >= limits.ETCD_COMPACTION_LOOK_S:
                    looked_back = self._loop.time()
                    await self._look_back()
            except StoreUnavailable:
                pass  # whoever writes says so, and what is served says how old it is
            await asyncio.sleep(limits.ETCD_PULSE_S)

    async def _look(self) -> None:
        layout, highest, asked = self.layout, self._highest, self._loop.time()
        header, home, epoch, last = await founding.look(self.client, layout.prefix, layout.last)
        if layout is not self.layout:
            return
        self.contact = asked
        if home is not None and header.revision < highest:
            await self._begin_again(layout)
        elif (_mod(home), _mod(epoch)) != (layout.home_at, layout.epoch_at):
            await self._look_again()
        else:
            self._highest = max(self._highest, header.revision)
            self._mind_watch(_mod(last))

    def _mind_watch(self, last_at: int) -> None:
        """A connection can look alive and tell nothing: then the watch is begun anew at another endpoint."""
        if self._watch_from >= last_at:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = self._loop.time()
        elif self._loop.time() - self._behind_since >= limits.ETCD_WATCH_LAG_S:
            self._behind_since = None
            self._interrupt()

    async def _look_back(self) -> None:
        """Whether anybody compacts; that nobody does is said once."""
        long_ago = self._highest - self._long_ago
        if long_ago <= 1:
            return
        request = MESSAGES["RangeRequest"](
            key=home_key(self.layout.prefix), revision=long_ago, keys_only=True
        )
        try:
            await self.client.ask(RANGE, request)
        except CallFailed:  # it is gone, as it should be
            self.uncompacted = False
            return
        if not self.uncompacted:
            self.uncompacted = True
            self._warn(UNCOMPACTED)


def _moves(events: Iterable[Any], layout: Layout) -> bool:
    """Whether another history begins with one of these events."""
    known = {home_key(layout.prefix): layout.home_at, epoch_key(layout.prefix): layout.epoch_at}
    return any(known.get(kv.key, kv.mod_revision) != kv.mod_revision for kv in (event.kv for event in events))


def _mod(kv: Any) -> int:
    return kv.mod_revision if kv is not None else 0
