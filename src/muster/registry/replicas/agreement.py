"""Agreement: replicas compare what they hold, a few services at a time.

Each compares itself with the next one in the order of names, so all of them are compared as long as the ring is whole. Where two
differ, neither knows who is wrong: both read the store (`repairs.py`). Traffic policies are few and change seldom: all of them are
compared every time.
"""

from __future__ import annotations

import asyncio
from collections import deque

from msgspec import Struct

from muster.core.agreement import Holding, Tally, differing, holding
from muster.core.machine import Machine
from muster.core.state import ServiceKey
from muster.model import limits
from muster.registry.policies import Policies
from muster.registry.seen import Seen

from .membership import Membership
from .port import Compared, Comparison, Member, Peers, PeerUnreachable
from .repairs import Repair, Repairs, slices


class Difference(Struct, frozen=True):
    """A service that `peer` held otherwise than we did, at the same revision."""

    peer: str
    revision: int
    here: Tally
    there: Tally


class Agreement:
    """`compared` counts services, `differences` those that differed."""

    def __init__(
        self,
        machine: Machine,
        policies: Policies,
        seen: Seen,
        membership: Membership,
        peers: Peers,
        repairs: Repairs,
    ) -> None:
        self._machine = machine
        self._policies = policies
        self._seen = seen
        self._membership = membership
        self._peers = peers
        self._repairs = repairs
        self._left: deque[ServiceKey] = deque()
        self._found: deque[Difference] = deque(maxlen=limits.FINDINGS_KEPT)
        self._in_doubt = False
        self.compared = self.differences = 0

    def take_findings(self) -> list[Difference | Repair]:
        """What was found since the last call."""
        found: list[Difference | Repair] = [*self._found, *self._repairs.done]
        self._found.clear()
        self._repairs.done.clear()
        return found

    async def run(self) -> None:
        """Compare, and look at the store where that is called for; for ever."""
        look_from = 0.0
        while True:
            await asyncio.sleep(limits.COMPARE_EVERY_S)
            if not self._membership.proven():
                continue
            now = asyncio.get_running_loop().time()
            if self._in_doubt and now >= look_from:
                look_from = now + limits.REPAIR_EVERY_S
                self._in_doubt = not await self._repairs.look()
            await self._compare()

    # --- Asking -----------------------------------------------------------------------------------------------------

    async def _compare(self) -> None:
        epoch, revision = self._machine.state.epoch, self._machine.state.revision
        policies = self._policies.tally(revision)
        mine = [await _tally(each) for each in self._some()]
        comparison = Comparison(self._membership.me.name, epoch, revision, mine, policies)
        for member in self._next():
            try:
                theirs = await self._peers.compare(member, comparison)
            except PeerUnreachable as error:
                self._membership.met(member.name, str(error))
                continue
            self._membership.met(member.name)
            self._differ(member.name, revision, _all(mine, policies), _all(theirs.tallies, theirs.policies))
            return

    def _some(self) -> list[Holding]:
        """Some services as they are at this moment, all of them in turn."""
        if not self._left:
            self._left.extend(self._machine.state.services())
        some: list[Holding] = []
        room = limits.COMPARE_INSTANCES
        while self._left and room > 0 and len(some) < limits.COMPARE_SERVICES:
            service = self._left.popleft()
            some.append(Holding(service, self._machine.state.held(service)))
            room -= len(some[-1].entries)
        return some

    def _next(self) -> list[Member]:
        """The others, from the one after us in the order of names."""
        me = self._membership.me.name
        return sorted(self._membership.others, key=lambda member: (member.name < me, member.name))

    # --- Being asked ------------------------------------------------------------------------------------------------

    async def asked(self, comparison: Comparison) -> Compared:
        """Another replica compares itself with us. What differs makes us look as well."""
        try:
            async with asyncio.timeout(limits.COMPARE_WAIT_S):
                await self._seen.until(comparison.revision)
        except TimeoutError:
            return Compared([])
        policies = self._policies.tally(comparison.revision) if self._knows(comparison) else None
        mine = [await _tally(each) for each in self._as_of(comparison)]
        theirs = _all(comparison.tallies, comparison.policies)
        self._differ(comparison.who, comparison.revision, _all(mine, policies), theirs)
        return Compared(mine, policies)

    def _knows(self, comparison: Comparison) -> bool:
        """Not what was before a repair, when we were wrong."""
        return comparison.epoch == self._machine.state.epoch and comparison.revision >= self._repairs.last

    def _as_of(self, comparison: Comparison) -> list[Holding]:
        """Those of the services of which it is known what they were."""
        state, feed = self._machine.state, self._machine.feed
        if not self._knows(comparison):
            return []
        held = (holding(state, feed, tally.key, comparison.revision) for tally in comparison.tallies)
        return [each for each in held if each is not None]

    def _differ(self, peer: str, revision: int, mine: list[Tally], theirs: list[Tally]) -> None:
        self.compared += min(len(mine), len(theirs))
        for here, there in differing(mine, theirs):
            self.differences += 1
            self._found.append(Difference(peer, revision, here, there))
            self._in_doubt = True


def _all(tallies: list[Tally], policies: Tally | None) -> list[Tally]:
    return tallies if policies is None else [*tallies, policies]


async def _tally(held: Holding) -> Tally:
    total = 0
    for some in slices(held.entries, limits.COMPARE_SLICE):
        total += sum(entry.term for entry in some)
        await asyncio.sleep(0)
    return held.tally(total)
