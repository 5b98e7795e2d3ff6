"""What a replica may say that it has not written: only what the store confirms.

A write is confirmed by its conditions: the store compares the record with what the replica had seen of it. A refusal, or that there is
nothing to do, is written nowhere; said by a replica that is behind it would be wrong: 404 for an instance that another replica has
registered, 409 for one that was registered again. So the record is read from the store, with its majority, before either is told.
Where the store has another one, this replica catches up with it and decides again, or says `try_another`. What it should have been
told of and was not is put right first: there is no catching up with that. Traffic policies are records like others.

Who looks for something without knowing its record's key (a check, by its id on a node) finds it, or not, in what is held here: that is
confirmed by the revision of the store's last transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.registry.seen import Seen
from muster.registry.store import SharedStore, StoreUnavailable

from .repairs import Repairs

T = TypeVar("T")

OF_THE_RECORD = frozenset(
    {
        *("unknown_instance", "superseded", "not_owner", "unknown_check", "draining"),
        *("unknown_policy", "changed_meanwhile"),
    }
)
"""Codes of refusals that rest on what is held of the record; the others would be the same anywhere."""
COME_AGAIN_S = 1.0
BEHIND = "this replica has not seen its last change yet"


class Certainty:
    """`held` is the revision of a record as it is held here, 0 for none. Keys are the store's."""

    def __init__(self, store: SharedStore, seen: Seen, held: Callable[[str], int], repairs: Repairs) -> None:
        self._store = store
        self._seen = seen
        self._held = held
        self._repairs = repairs

    async def of(self, key: str, ask: Callable[[], Awaitable[T]], written: Callable[[T], bool]) -> T:
        """What `ask` says of the record at `key`, or refuses, once it was written or the store has confirmed it.

        Raises `Rejected`, `Unavailable`.
        """
        for _ in range(limits.CONFIRM_ATTEMPTS):
            before = self._held(key)
            answer = await _answer_of(ask)
            if not isinstance(answer, Rejected) and written(answer):
                return answer
            if await self._confirmed(key, before):
                if isinstance(answer, Rejected):
                    raise answer
                return answer
        raise Unavailable("try_another", BEHIND, retry_after=COME_AGAIN_S)

    async def of_a_search(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` says, or refuses, of what it finds here; a refusal only when it has looked through all that the store had when it
        was asked. Raises `Rejected`, `Unavailable`."""
        answer = await _answer_of(ask)
        if not isinstance(answer, Rejected):
            return answer
        await self.catch_up()
        return await ask()

    async def catch_up(self) -> None:
        """Return when all that the store has by now is held here. Raises `Unavailable`."""
        await self._in_time(self._caught_up())

    async def _caught_up(self) -> None:
        await self._seen.until(await self._store.head())

    async def reread(self, key: str) -> None:
        """Return when this record is held as the store has it. Raises `Unavailable`."""
        await self._in_time(self._repairs.reread(key))

    async def _confirmed(self, key: str, before: int) -> bool:
        """Whether the store has the record as it was held before it was decided. If not, hold it as the store does."""
        try:
            stored = await self._store.read(key)
        except StoreUnavailable as error:
            raise Unavailable("try_another", str(error), retry_after=COME_AGAIN_S) from None
        if (stored.revision if stored else 0) == before:
            return True
        if self._held(key) == before:
            await self.reread(key)
        return False

    async def _in_time(self, caught_up: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(limits.CATCH_UP_S):
                await caught_up
        except StoreUnavailable as error:
            raise Unavailable("try_another", str(error), retry_after=COME_AGAIN_S) from None
        except TimeoutError:
            raise Unavailable("try_another", BEHIND, retry_after=COME_AGAIN_S) from None


async def _answer_of(ask: Callable[[], Awaitable[T]]) -> T | Rejected:
    try:
        return await ask()
    except Rejected as refusal:
        if refusal.code not in OF_THE_RECORD:
            raise
        return refusal
