"""The replicas, as the registry sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from muster.core.commands import Command, Expire
from muster.core.inquiry import Reply
from muster.core.machine import Machine
from muster.core.outbox import Question
from muster.core.ownership import Roster
from muster.core.renewal import Renewal
from muster.core.state import ServiceKey
from muster.model import limits
from muster.model.errors import Unavailable
from muster.registry.drain import Subscribers, together
from muster.registry.layout import INSTANCES, POLICIES
from muster.registry.policies import Policies
from muster.registry.seen import Seen
from muster.registry.store import Changes, Condition, Stored
from muster.wire.answers import DrainAnswer, Unacknowledged

from .agreement import Agreement
from .asking import Asking
from .certainty import COME_AGAIN_S, Certainty
from .mail import Mail
from .membership import Membership
from .port import Heard, Inquiry, Member, PeerUnreachable, Shared, Standing
from .repairs import Repairs, Right

T = TypeVar("T")
ONLY_THE_STORE_KNOWS = (Renewal.UNKNOWN, Renewal.SUPERSEDED)


class Whose(Protocol):
    """The registry, as far as its replicas care."""

    subscribers: Subscribers

    def now(self) -> float: ...

    def wall(self) -> int: ...

    def new_token(self) -> str: ...

    def look_soon(self) -> None: ...


class Replicas:
    """`registry` is whose replicas they are, `machine` its core, `seen` what of the store's changes it has applied."""

    def __init__(
        self, shared: Shared, registry: Whose, machine: Machine, policies: Policies, seen: Seen
    ) -> None:
        self._store = shared.store
        self._registry = registry
        self._machine = machine
        self._policies = policies
        self._readers = registry.subscribers
        self._seen = seen
        self.peers = shared.peers
        self.membership = Membership(shared.store, shared.me, registry.new_token, self._assign)
        self._mail = Mail(
            shared.store, shared.me.name, registry.new_token, self.asked, lambda: self.membership.lease
        )
        self.asking = Asking(self.membership, shared.peers, self._mail, self._answered, self._unanswered)
        self.repairs = Repairs(
            shared.store, registry, machine, policies, seen, shared.me.name, lambda: self.membership.lease
        )
        self._certainty = Certainty(shared.store, seen, self._held, self.repairs)
        self.agreement = Agreement(machine, policies, seen, self.membership, shared.peers, self.repairs)

    # --- What the store says ----------------------------------------------------------------------------------------

    def load(self, records: Iterable[Stored]) -> None:
        records = list(records)
        self._mail.load(records)
        self.repairs.load(records)
        self.membership.load(records)

    def apply(self, changes: Changes) -> Right:
        """What of the store's changes is about replicas. What is put right with them is changed for every reader."""
        self.membership.apply(changes.revision, changes.entries)
        self._mail.apply(changes.revision, changes.entries)
        return self.repairs.apply(changes)

    def _assign(self, roster: Roster) -> None:
        self._machine.assign(roster, self._registry.now())
        self._registry.look_soon()

    # --- Life -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.membership.run())
            group.create_task(self.asking.run())
            group.create_task(self._mail.run())
            group.create_task(self.agreement.run())

    async def leave(self) -> None:
        await self.membership.leave()

    # --- What may be said and done ----------------------------------------------------------------------------------

    @property
    def age(self) -> float:
        """S since the store last proved that it is there."""
        return asyncio.get_running_loop().time() - self._store.contact

    @property
    def lag(self) -> int:
        """The same, in whole seconds, and 0 as long as that is usual."""
        return int(self.age) if self.age > limits.ETCD_WATCH_LAG_S else 0

    @property
    def uncompacted(self) -> bool:
        """Whether the store grows until it is full, because nobody removes its old revisions."""
        return self._store.uncompacted

    def vouched(self, renewals: list[Renewal]) -> list[Renewal]:
        """What may be said of heartbeats. That there is no such instance, or another one, only the store knows, so those have to
        wait: this replica may be behind."""
        self.insist()
        return [Renewal.SLOW if each in ONLY_THE_STORE_KNOWS else each for each in renewals]

    def rests(self, name: str) -> bool:
        """Whether a replica owns nothing for a while; where all have just started again, all own."""
        return name in self._machine.leases.roster.resting

    @property
    def trouble(self) -> str:
        """Why this replica acknowledges nothing; "" if it does, or has not had the time to join."""
        return "" if self.membership.proven() else self.membership.trouble

    def insist(self) -> None:
        """Raises `Unavailable` where this replica could not keep what it acknowledged."""
        if not self.membership.proven():
            why = self.membership.why_unproven
            raise Unavailable(
                "try_another", f"this replica is cut off from the others: {why}", retry_after=COME_AGAIN_S
            )

    async def sure(self, key: str, ask: Callable[[], Awaitable[T]], written: Callable[[T], bool]) -> T:
        """What `ask` says of the record at this key of the store's: see `Certainty`. Raises `Rejected`, `Unavailable`."""
        self.insist()
        return await self._certainty.of(key, ask, written)

    async def found(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` says of what it finds here: see `Certainty.of_a_search`. Raises `Rejected`, `Unavailable`."""
        self.insist()
        return await self._certainty.of_a_search(ask)

    async def catch_up(self) -> None:
        """Return when all that the store has by now is held here. Raises `Unavailable`."""
        self.insist()
        await self._certainty.catch_up()

    async def contradicted(self, keys: Iterable[str]) -> None:
        """A write was in conflict with what these records are in the store, and nothing that is told of them comes: look at them. What
        cannot be done now is left to the comparison with other replicas."""
        for key in keys:
            try:
                await self._certainty.reread(INSTANCES + key)
            except Unavailable:
                return

    def _held(self, key: str) -> int:
        if key.startswith(POLICIES):
            return self._policies.at(key)
        entry = self._machine.state.get(key.removeprefix(INSTANCES))
        return entry.revision if entry else 0

    def conditions(self, command: Command) -> tuple[Condition, ...]:
        """What must hold beside the record's own revision."""
        return self.membership.conditions(command.roster) if isinstance(command, Expire) else ()

    def standing(self, version: str) -> Standing:
        """How this replica stands. `version`: of the program."""
        state, holds = self._machine.state, self._machine.guard.report(self._registry.now())
        return Standing(
            name=self.membership.me.name,
            version=version,
            revision=state.revision,
            epoch=state.epoch,
            age=round(self.age, 3),
            owned=self._machine.leases.owned,
            held=sum(hold.state == "held" for hold in holds),
        )

    # --- Drains -----------------------------------------------------------------------------------------------------

    async def drained(self, service: ServiceKey, revision: int, wait: float) -> DrainAnswer:
        """What the subscribers of all replicas say, asked at the same time."""
        silent: list[Unacknowledged] = []

        async def there(member: Member) -> DrainAnswer | None:
            try:
                return await self.peers.drained(member, service.namespace, service.name, revision, wait)
            except PeerUnreachable as error:
                self.membership.met(member.name, str(error))
                silent.append(Unacknowledged(f"replica {member.name}", member.url))
                return None

        began = self._registry.now()
        asked = [there(member) for member in self.membership.others]
        here, *answers = await asyncio.gather(self._readers.drained(service, revision, wait), *asked)
        assert here is not None
        waited = self._registry.now() - began
        return together([here, *(answer for answer in answers if answer is not None)], silent, waited)

    async def drained_here(self, service: ServiceKey, revision: int, wait: float) -> DrainAnswer:
        """What the subscribers of this replica say, once it has the revision itself."""
        began = self._registry.now()
        try:
            async with asyncio.timeout(wait):
                await self._seen.until(revision)
        except TimeoutError:
            pass  # then nobody here can have acknowledged it
        return await self._readers.drained(service, revision, max(wait - (self._registry.now() - began), 0.0))

    # --- Asking and being asked -------------------------------------------------------------------------------------

    def ask(self, questions: Sequence[Question]) -> None:
        self.asking.put(questions)

    def _answered(self, reply: Reply) -> None:
        self._machine.answered(reply, self._registry.now(), self._registry.wall())
        self._registry.look_soon()

    def _unanswered(self, question: Question) -> None:
        self._machine.inquiry.unanswered(question, self._registry.now())
        self._registry.look_soon()

    def asked(self, inquiry: Inquiry) -> Heard:
        """Another replica's questions. One that asks and is no member any more gets its answers too: they do it no harm."""
        self.insist()
        revision, now, asked = self._machine.state.revision, self._registry.now(), self._machine.inquiry.asked
        behind = [place for place, question in enumerate(inquiry.questions) if question.seen > revision]
        skipped = set(behind)
        ages = [
            None if place in skipped else asked(question, now)
            for place, question in enumerate(inquiry.questions)
        ]
        return Heard(ages, behind)
