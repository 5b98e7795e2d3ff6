"""Being one of the replicas: a record under a lease of the store, renewed for as long as this process lives.

The proof is by our own clock, from before each renewal was sent; so it ends before the store lets the record go, and whoever owns
what was ours afterwards has not been contradicted by us in between.

A replica that is back before its former life's record is gone has forgotten who was silent for how long, and would begin all leases
anew with each start. So it rests for a while: it answers and hears like the others, and they own what is its own. At its very beginning it
is deaf besides: it acknowledges nothing, and nobody waits for what it has to say. One that lives for less than that has no say at all.

Two that are called the same, because a URL was copied, would each put their own record over the other's, and the others would ask one
of them for what the other has heard. So who finds another in its place while it lives itself gives way, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec
from msgspec import structs

from muster.core.ownership import Roster
from muster.model import limits
from muster.registry.store import (
    Batch,
    Committed,
    Condition,
    Put,
    Removed,
    SharedStore,
    Stored,
    StoreUnavailable,
    Write,
)

from .port import Member

PREFIX = "m/"
ROSTER = "roster"
NAME_APART = "each needs a replica.url, or a replica.name, of its own"


class Membership:
    """`changed` is called with the roster whenever it changes, in the store's order."""

    def __init__(
        self,
        store: SharedStore,
        me: Member,
        new_op: Callable[[], str],
        changed: Callable[[Roster], None],
    ) -> None:
        self.me = me
        self.members: dict[str, Member] = {}
        self.unreachable: dict[str, str] = {}
        """Why a replica did not answer the last time, by its name."""
        self._store = store
        self._new_op = new_op
        self._changed = changed
        self._at: dict[str, int] = {}
        self.roster_at = 0
        self._until = self._rests_until = self._deaf_until = float("-inf")
        self.lease = 0
        self._former = ""
        """The start of our former life, whose place we may take."""
        self.trouble = ""
        """Why this replica is not a member, "" if it is."""

    def __repr__(self) -> str:
        return f"<Membership of {self.me.name} among {sorted(self.members)}>"

    # --- What the store says ----------------------------------------------------------------------------------------

    def load(self, records: Iterable[Stored]) -> None:
        """Begin from a store's whole content."""
        rival = self._rival()
        self.members, self.unreachable, self._at, self.roster_at = {}, {}, {}, 0
        for stored in records:
            self._fold(Put(stored.key, stored.value), stored.revision)
        former = self._rival()
        if former and former != rival:
            self._rest(former)
        self._tell()

    def _rest(self, former: str) -> None:
        self._former = former
        self.me = structs.replace(self.me, resting=True, deaf=self._others_hear)
        self._rests_until = asyncio.get_running_loop().time() + limits.REPLICA_REST_S
        self._deaf_until = float("inf")

    def apply(self, revision: int, entries: Iterable[Put | Removed]) -> None:
        if sum(self._fold(entry, revision) for entry in entries):  # all of them, not just the first
            self._tell()

    def _fold(self, entry: Put | Removed, revision: int) -> bool:
        if entry.key == ROSTER:
            self.roster_at = revision
            return True
        if not entry.key.startswith(PREFIX):
            return False
        name = entry.key.removeprefix(PREFIX)
        if isinstance(entry, Put):
            self.members[name] = msgspec.json.decode(entry.value, type=Member)
            self._at[name] = revision
        else:
            self.members.pop(name, None)
            self.unreachable.pop(name, None)
            self._at.pop(name, None)
        return True

    def _rival(self) -> str:
        """The start of another process in our place, "" if there is none."""
        there = self.members.get(self.me.name)
        return there.start if there is not None and there.start not in (self.me.start, self._former) else ""

    def _tell(self) -> None:
        here = {name for name, member in self.members.items() if member == self.me or name != self.me.name}
        resting = {name for name in here if self.members[name].resting}
        if resting == here:
            resting = set()  # somebody has to
        self._changed(Roster(self.me.name, frozenset(here - resting), self.roster_at, frozenset(resting)))

    @property
    def others(self) -> list[Member]:
        return [member for name, member in self.members.items() if name != self.me.name]

    @property
    def _others_hear(self) -> bool:
        return any(not member.deaf for member in self.others)

    def met(self, name: str, problem: str = "") -> None:
        """A replica answered, or why it did not."""
        if problem and name in self.members:
            self.unreachable[name] = problem
        else:
            self.unreachable.pop(name, None)

    def proven(self) -> bool:
        """Whether the store certainly counts us in at this moment, and others ask us."""
        return not self.me.deaf and asyncio.get_running_loop().time() < self._until and not self._rival()

    @property
    def why_unproven(self) -> str:
        return self.trouble or (
            "it crashed, and has just started again" if self.me.deaf else "it has not joined yet"
        )

    def conditions(self, roster: int) -> tuple[Condition, ...]:
        """What must still hold for an expiry that was asked about when the roster was at that revision."""
        return (Condition(PREFIX + self.me.name, self._at.get(self.me.name, 0)), Condition(ROSTER, roster))

    # --- Being one of them ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Join, renew, join again if it came to that; for ever."""
        while True:
            try:
                self._recover(asyncio.get_running_loop().time())
                await self._stay()
            except StoreUnavailable as error:
                self.trouble = str(error)
            await asyncio.sleep(limits.REPLICA_RENEW_S if self.proven() else limits.REPLICA_JOIN_AGAIN_S)

    def _recover(self, now: float) -> None:
        """What we are from now on, the store is told next. Before it knows that we hear, nothing is acknowledged."""
        if self.me.deaf and (now >= self._deaf_until or not self._others_hear):
            self.me = structs.replace(self.me, deaf=False)
            self._until = float("-inf")
        if self.me.resting and now >= self._rests_until:
            self.me = structs.replace(self.me, resting=False)

    async def _stay(self) -> None:
        if self._rival():
            self.trouble = f"another replica is called {self.me.name} too: {NAME_APART}"
            return
        if not self.lease or self.members.get(self.me.name) != self.me:
            await self._join()
        else:
            await self._renew()
        self.trouble = ""

    async def _join(self) -> None:
        began = asyncio.get_running_loop().time()
        if not self.lease or await self._store.keep(self.lease) <= 0:
            # It may have ended without our knowing, and a store takes nothing under one that has.
            self.lease = await self._store.grant(limits.REPLICA_TTL_S)
        key, value = PREFIX + self.me.name, msgspec.json.encode(self.me)
        batch = Batch(
            self._new_op(),
            (
                Write(key, value, self._at.get(self.me.name, 0), self.lease),
                Write(ROSTER, b"", self.roster_at),
            ),
        )
        if isinstance(await self._store.commit(batch), Committed):
            self._until = began + limits.REPLICA_TTL_S
            self._deaf_until = min(
                self._deaf_until, asyncio.get_running_loop().time() + limits.REPLICA_DEAF_S
            )
        else:
            await self._renew()  # in conflict with another who joins, or with our own lost answer

    async def _renew(self) -> None:
        began = asyncio.get_running_loop().time()
        left = await self._store.keep(self.lease)
        if left <= 0:
            self.lease, self._until = 0, float("-inf")
        elif self.members.get(self.me.name) == self.me:
            self._until = began + left

    async def leave(self) -> None:
        """Let the others know at once. From here on nothing is acknowledged."""
        self._until = float("-inf")
        if self.lease:
            try:
                await self._store.revoke(self.lease)
            except StoreUnavailable:
                pass  # it ends by itself
