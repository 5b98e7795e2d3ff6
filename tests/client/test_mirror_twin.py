"""Mirrors against a registry that changes, loses its history and its streams, at random places."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.client.told import web

from muster.client.mirror import Mirrors
from muster.client.state import Snapshot
from muster.testing.holdings import Holdings
from muster.wire.events import (
    AliveEvent,
    Event,
    RemoveEvent,
    ResetEvent,
    ResumedEvent,
    SnapshotEvent,
    UpsertEvent,
)

SERVICES = ("web", "db")
service = st.sampled_from(SERVICES)
number = st.integers(1, 5)


class Mirroring(RuleBasedStateMachine):
    """One registry, one stream at a time, one set of mirrors. `_wire` is what was sent and not yet read."""

    @initialize()
    def begin(self) -> None:
        self.epochs = 1
        self.holdings = Holdings("e1")
        self.mirrors = Mirrors(SERVICES)
        self.readers: dict[str, Snapshot] = {}
        self.gone: set[str] = set()
        self.wire: list[tuple[Event, str]] = []
        self.sent = 0
        self.now = 0.0
        self.open()

    # --- the registry

    @rule(service=service, number=number, status=st.sampled_from(["healthy", "degraded", "unhealthy"]))
    def put(self, service: str, number: int, status: str) -> None:
        id = f"{service}-{number}"
        self.holdings.put(web(number, service=service, instance_id=id, status=status))

    @rule(service=service, number=number)
    def drop(self, service: str, number: int) -> None:
        if self.holdings.get(f"{service}-{number}"):
            self.holdings.drop(f"{service}-{number}")

    @rule()
    def lose_everything(self) -> None:
        self.epochs += 1
        self.holdings.clear(f"e{self.epochs}")
        self.gone.clear()
        self.holdings.settled = False
        self.open()

    @rule()
    def settle(self) -> None:
        self.holdings.settled = True

    # --- the stream

    @rule()
    def open(self) -> None:
        """The old stream is lost, with whatever of it was not read."""
        held, resume = self.holdings, self.mirrors.resume
        self.mirrors.opened(held.epoch)
        self.wire = []
        if resume is not None and resume.epoch == held.epoch and resume.revision <= held.revision:
            self.send([ResumedEvent(held.revision, held.settled), *held.since(resume.revision, SERVICES)])
        else:
            reset = [ResetEvent(held.epoch, "another epoch")] if resume else []
            self.send([*reset, *held.snapshots(SERVICES, page=2)])

    @rule()
    def refresh(self) -> None:
        self.mirrors.forget_position()
        self.open()

    @rule()
    def tell(self) -> None:
        held = self.holdings
        self.send(held.since(self.sent, SERVICES))
        alive: Event = AliveEvent(held.revision, held.digest(SERVICES), held.settled)
        self.send([alive])

    @rule(count=st.integers(1, 6))
    def read(self, count: int) -> None:
        now, self.wire = self.wire[:count], self.wire[count:]
        self.now += 1.0
        for event, mark in now:
            step = self.mirrors.receive(event, mark, self.now)
            assert step is None, step
            self.heard(event)
        for snapshot in self.mirrors.publish(self.now):
            self.published(snapshot)

    # --- what must hold

    @invariant()
    def a_reader_with_everything_has_what_the_registry_has(self) -> None:
        self.tell()
        while self.wire:
            self.read(len(self.wire))
        for name in SERVICES:
            listed = {i.instance_id for i in self.holdings.listed(name)}
            has = {e.id for e in self.readers[name].endpoints}
            doubted = self.readers[name].unconfirmed
            assert has - doubted == listed
            assert not (doubted and self.holdings.settled)

    def send(self, events: list[Event]) -> None:
        held = self.holdings
        self.sent = held.revision
        last = len(events) - 1
        self.wire += [(e, f"{held.epoch}:{held.revision}" if n == last else "") for n, e in enumerate(events)]

    def heard(self, event: Event) -> None:
        """`gone`: whom this history has called gone, and nobody told of since."""
        match event:
            case ResetEvent():
                self.gone.clear()
            case RemoveEvent():
                self.gone.update(gone.instance_id for gone in event.instances)
            case SnapshotEvent() | UpsertEvent():
                self.gone.difference_update(there.instance_id for there in event.instances)

    def published(self, snapshot: Snapshot) -> None:
        before = self.readers.get(snapshot.service)
        self.readers[snapshot.service] = snapshot
        if before is None:
            return
        if before.epoch == snapshot.epoch:
            assert snapshot.revision >= before.revision
        elif not self.holdings.settled:
            kept = {e.address for e in snapshot.endpoints}
            lost = {e.id for e in before.endpoints if e.address not in kept}
            assert lost <= self.gone, "an emptied registry emptied its callers"


class Lazily(Mirroring):
    """The same, but reads happen only when the machine says so: streams are lost with much of them unread."""

    @invariant()
    def a_reader_with_everything_has_what_the_registry_has(self) -> None:
        pass

    def teardown(self) -> None:
        if hasattr(self, "wire"):
            super().a_reader_with_everything_has_what_the_registry_has()


TestPromptReader = Mirroring.TestCase
TestLazyReader = Lazily.TestCase
TestPromptReader.settings = TestLazyReader.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None
)
