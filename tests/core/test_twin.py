"""decide and State against the dumb twin, in any order of commands; and the feed against the state at every revision."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.core.twin import Refused, Twin

from muster.core.commands import (
    Amend,
    Command,
    Deregister,
    Drain,
    Expire,
    MarkOverdue,
    Register,
    Remove,
    Revive,
    SetHealth,
    SetReach,
    key_of,
)
from muster.core.decide import GONE, NOTHING, decide
from muster.core.feed import Feed
from muster.core.state import ServiceKey, State
from muster.model.errors import Rejected
from muster.model.record import DISCOVERABLE, Record, decode, encode
from muster.testing.builders import http_check, instance
from muster.wire import view as wire_view
from muster.wire.filters import DEFAULT

SERVICES = ("web", "api")
IDS = st.sampled_from(["i1", "i1", "i2"])
WHICH = st.sampled_from(["present", "present", "present", "present", "older", "any"])
OWNERS = st.sampled_from([b"", b"", b"", b"", b"", b"me"])
CHECKS = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["/x", "/y"]), max_size=2)
TOLD = st.fixed_dictionaries(
    {
        "service": st.sampled_from(SERVICES),
        "weight": st.sampled_from([1, 2]),
        "checks": CHECKS,
        "leased": st.booleans(),
    }
)

Write = tuple[str, Record | None]
Seen = dict[str, tuple[str, int, int]]


def key(service: str) -> ServiceKey:
    return ServiceKey("default", service)


class AgainstTheTwin(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.at = 0
        self.twin = Twin()
        self.state = State("e")
        self.feed = Feed(0, room=12)
        self.log: list[tuple[int, list[Write]]] = []
        self.seen: dict[int, dict[str, Seen]] = {0: {service: {} for service in SERVICES}}

    def generation(self, id: str, which: str) -> int:
        """The present one, an older one, or 0: whichever is there."""
        present: int = self.twin.rows[id]["generation"] if id in self.twin.rows else 7
        return {"present": present, "older": present - 1, "any": 0}[which]

    def somebody(self, id: str, which: str) -> str:
        """Mostly somebody who is there."""
        return (
            id if which == "any" or not self.twin.rows else min(self.twin.rows, key=lambda known: known != id)
        )

    # --- One command, told to both ----------------------------------------------------------------------------------

    def both(self, command: Command, name: str, *args: Any, **new: Any) -> None:
        before, revision = dict(self.twin.rows), self.twin.revision
        refusal = twin_refusal = ""
        try:
            getattr(self.twin, name)(*args, **new)
        except Refused as error:
            twin_refusal = str(error)
            assert (self.twin.rows, self.twin.revision) == (before, revision)
        try:
            self.commit(command)
        except Rejected as error:
            refusal = error.code
        assert refusal == twin_refusal

    def commit(self, command: Command) -> None:
        write = decide(self.state, command)
        if write is NOTHING:
            return
        record = None if write is GONE else decode(encode(write))  # type: ignore[arg-type]  # as a store returns it
        writes: list[Write] = [(key_of(command), record)]
        self.log.append((self.state.revision + 1, writes))
        self.feed.append(self.state.apply(self.state.revision + 1, writes))
        self.seen[self.state.revision] = {service: self.listed(service) for service in SERVICES}

    def listed(self, service: str) -> Seen:
        return {
            e.id: (e.status, e.record.generation, e.revision)
            for e in self.state.snapshot(key(service)).entries
        }

    def clock(self) -> int:
        self.at += 1
        return self.at

    @rule(
        id=IDS,
        told=TOLD,
        incarnation=st.sampled_from(["x", "x", "x", "y", ""]),
        starting=st.booleans(),
        owner=OWNERS,
    )
    def register(self, id: str, told: dict[str, Any], incarnation: str, starting: bool, owner: bytes) -> None:
        checks = [http_check(name, path=path) for name, path in sorted(told["checks"].items())]
        what = instance(id, told["service"], weight=told["weight"], checks=checks, static=not told["leased"])
        self.both(
            Register(what, incarnation, starting, owner, self.clock()),
            "register",
            id,
            told,
            incarnation,
            starting,
            owner,
        )

    @rule(id=IDS, which=WHICH, owner=OWNERS)
    def deregister(self, id: str, which: str, owner: bytes) -> None:
        id = self.somebody(id, which)
        self.both(
            Deregister(f"default/{id}", self.generation(id, which), owner),
            "deregister",
            id,
            self.generation(id, which),
            owner,
        )

    @rule(id=IDS, which=WHICH, owner=OWNERS)
    def drain(self, id: str, which: str, owner: bytes) -> None:
        id = self.somebody(id, which)
        self.both(
            Drain(f"default/{id}", self.generation(id, which), owner, self.clock()),
            "drain",
            id,
            self.generation(id, which),
            owner,
        )

    @rule(id=IDS, which=WHICH, owner=OWNERS)
    def revive(self, id: str, which: str, owner: bytes) -> None:
        id = self.somebody(id, which)
        self.both(
            Revive(f"default/{id}", self.generation(id, which), owner, self.clock()),
            "revive",
            id,
            self.generation(id, which),
            owner,
        )

    @rule(
        id=IDS,
        which=WHICH,
        owner=OWNERS,
        new=st.fixed_dictionaries(
            {},
            optional={
                "weight": st.sampled_from([1, 2]),
                "ready": st.booleans(),
                "override": st.sampled_from(["", "out_of_service"]),
            },
        ),
    )
    def amend(self, id: str, which: str, owner: bytes, new: dict[str, Any]) -> None:
        id = self.somebody(id, which)
        self.both(
            Amend(f"default/{id}", self.generation(id, which), owner, self.clock(), **new),
            "amend",
            id,
            self.generation(id, which),
            owner,
            new,
        )

    @rule(id=IDS, which=WHICH)
    def overdue(self, id: str, which: str) -> None:
        id = self.somebody(id, which)
        self.both(
            MarkOverdue(f"default/{id}", self.generation(id, which), self.clock()),
            "silent",
            id,
            self.generation(id, which),
            overdue=True,
        )

    @rule(id=IDS, which=WHICH)
    def expire(self, id: str, which: str) -> None:
        id = self.somebody(id, which)
        command = Expire(f"default/{id}", self.generation(id, which), self.clock())
        self.both(command, "silent", id, self.generation(id, which), expired=True, overdue=False)

    @rule(id=IDS, which=WHICH, unreachable=st.booleans())
    def reach(self, id: str, which: str, unreachable: bool) -> None:
        id = self.somebody(id, which)
        command = SetReach(f"default/{id}", self.generation(id, which), unreachable, self.clock())
        self.both(command, "own", id, self.generation(id, which), unreachable=unreachable)

    @rule(
        id=IDS,
        which=WHICH,
        name=st.sampled_from(["a", "b"]),
        health=st.sampled_from(["passing", "warning", "failing"]),
    )
    def check(self, id: str, which: str, name: str, health: Any) -> None:
        id = self.somebody(id, which)
        self.both(
            SetHealth(f"default/{id}", self.generation(id, which), name, health, self.clock()),
            "check",
            id,
            self.generation(id, which),
            name,
            health,
        )

    @rule(id=IDS, which=WHICH, status=st.sampled_from(["expired", "unhealthy"]))
    def remove(self, id: str, which: str, status: str) -> None:
        id = self.somebody(id, which)
        self.both(
            Remove(f"default/{id}", self.generation(id, which), status),
            "remove",
            id,
            self.generation(id, which),
            status,
        )

    # --- What must hold after each ----------------------------------------------------------------------------------

    @invariant()
    def both_hold_the_same(self) -> None:
        assert self.state.revision == self.twin.revision
        assert {service: self.listed(service) for service in SERVICES} == {
            service: self.twin.listed(service) for service in SERVICES
        }

    @invariant()
    def digests_are_those_of_what_is_listed(self) -> None:
        for service in SERVICES:
            view = self.state.snapshot(key(service)).view(DEFAULT)
            terms = [
                wire_view.digest_term(id, generation, revision)
                for id, (status, generation, revision) in self.twin.listed(service).items()
                if status in DISCOVERABLE
            ]
            assert view.digest == wire_view.digest(terms)

    @invariant()
    def replaying_what_was_committed_leads_here(self) -> None:
        replayed = State("e")
        for revision, writes in self.log:
            replayed.apply(revision, writes)
        assert content(replayed) == content(self.state)

    @invariant()
    def a_load_leads_here(self) -> None:
        loaded = State("e", self.state.revision)
        loaded.load([(entry.record, entry.revision) for entry in self.state.entries()])
        assert content(loaded) == content(self.state)

    @invariant()
    def the_feed_leads_here_from_every_revision(self) -> None:
        """Or says that it cannot."""
        for revision, seen in self.seen.items():
            for service in SERVICES:
                changes = self.feed.since(key(service), revision)
                if changes is None:
                    continue
                folded = dict(seen[service])
                for change in changes:
                    folded.pop(change.id, None)
                    if change.after is not None:
                        after = change.after
                        folded[change.id] = (after.status, after.record.generation, after.revision)
                assert folded == self.listed(service)


def content(state: State) -> object:
    return state.revision, {entry.record.key: (entry.record, entry.revision) for entry in state.entries()}


TestAgainstTheTwin = AgainstTheTwin.TestCase
TestAgainstTheTwin.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
