"""Asking a replica through the store, where the direct way to it is cut: slower, in the store's order, and just as binding.

    ask/<to>/<from>     the last letter of a replica to another
    said/<to>/<from>    the last answer, with the number of the letter it answers

Each replaces the one before it, so their number is bounded by that of the replicas; they end with their writer's lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from muster.model import limits
from muster.model.errors import Unavailable
from muster.registry.store import Batch, Committed, Put, Removed, SharedStore, Stored, StoreUnavailable, Write

from .port import Heard, Inquiry

ASK, SAID = "ask/", "said/"


class Letter(Struct, frozen=True):
    number: str
    inquiry: Inquiry


class Reply(Struct, frozen=True):
    number: str
    heard: Heard


_letter = msgspec.msgpack.Decoder(Letter).decode
_reply = msgspec.msgpack.Decoder(Reply).decode


class Mail:
    """`asked` answers another's questions; `lease` is the one of our membership."""

    def __init__(
        self,
        store: SharedStore,
        me: str,
        new_op: Callable[[], str],
        asked: Callable[[Inquiry], Heard],
        lease: Callable[[], int],
    ) -> None:
        self._store = store
        self._me = me
        self._new_op = new_op
        self._asked = asked
        self._lease = lease
        self._at: dict[str, int] = {}
        self._awaited: dict[str, asyncio.Future[Heard]] = {}
        self._letters: dict[str, Letter] = {}
        self._came = asyncio.Event()

    # --- What the store says ----------------------------------------------------------------------------------------

    def load(self, records: Iterable[Stored]) -> None:
        """What was asked before we loaded will be asked again."""
        self._at = {each.key: each.revision for each in records if each.key.startswith((ASK, SAID))}

    def apply(self, revision: int, entries: Iterable[Put | Removed]) -> None:
        for entry in entries:
            if not entry.key.startswith((ASK, SAID)):
                continue
            if isinstance(entry, Removed):
                self._at.pop(entry.key, None)
                continue
            self._at[entry.key] = revision
            kind, to, writer = entry.key.split("/", 2)
            if to == self._me:
                self._take(f"{kind}/", writer, entry.value)

    def _take(self, kind: str, writer: str, value: bytes) -> None:
        if kind == ASK:
            self._letters[writer] = _letter(value)
            self._came.set()
            return
        reply = _reply(value)
        awaited = self._awaited.get(reply.number)
        if awaited is not None and not awaited.done():
            awaited.set_result(reply.heard)

    # --- Writing ----------------------------------------------------------------------------------------------------

    async def ask(self, to: str, inquiry: Inquiry) -> Heard | None:
        """The answer, None if there was none in time."""
        number = self._new_op()
        awaited: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._awaited[number] = awaited
        try:
            async with asyncio.timeout(limits.MAIL_TIMEOUT_S):
                if not await self._write(f"{ASK}{to}/{self._me}", Letter(number, inquiry)):
                    return None
                return await awaited
        except TimeoutError:
            return None
        finally:
            del self._awaited[number]

    async def run(self) -> None:
        """Answer letters, for ever."""
        while True:
            await self._came.wait()
            self._came.clear()
            letters, self._letters = self._letters, {}
            for writer, letter in letters.items():
                try:
                    heard = self._asked(letter.inquiry)
                except Unavailable:
                    continue  # who cannot vouch for it says nothing
                await self._write(f"{SAID}{writer}/{self._me}", Reply(letter.number, heard))

    async def _write(self, key: str, letter: Letter | Reply) -> bool:
        write = Write(key, msgspec.msgpack.encode(letter), self._at.get(key, 0), self._lease())
        try:
            return isinstance(await self._store.commit(Batch(self._new_op(), (write,))), Committed)
        except StoreUnavailable:
            return False
