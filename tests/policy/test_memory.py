"""What is remembered of endpoints, and for how long."""

from random import Random
from threading import Lock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.policy.world import Caller, web, webs

from muster.model import limits
from muster.model.policy import DEFAULT, Balancer, Policy
from muster.policy.explain import explain
from muster.policy.memory import Memory, Peer
from muster.policy.outcome import MEANINGS, Outcome


def test_a_peer_stays_while_its_endpoint_does() -> None:
    memory = Memory(DEFAULT, 0.0)
    first, second = memory.adopt(webs([1, 2]), 0.0)
    assert memory.adopt(webs([2, 1]), 1.0) == [second, first]
    assert memory.adopt(webs([2]), 2.0) == [second]
    assert memory.adopt(webs([1]), 3.0) != [first]


def test_a_new_incarnation_begins_with_a_clean_sheet() -> None:
    caller = Caller(webs([1, 2]))
    caller.call("web-1", Outcome.CONNECT)
    caller.endpoints = (web(1, generation=2), web(2))
    caller.build()
    assert caller.picked() == {"web-1", "web-2"}


def test_an_id_that_is_there_twice_is_one_peer() -> None:
    memory = Memory(DEFAULT, 0.0)
    first, second = memory.adopt([web(1), web(1)], 0.0)
    assert first is second


def test_calls_go_on_while_thousands_are_looked_at() -> None:
    lock, many = Lock(), webs(range(3 * limits.BUILD_SLICE))
    memory = Memory(DEFAULT, 0.0, lock)
    (first, *_) = memory.adopt(many, 0.0)
    free: list[bool] = []

    def call() -> None:
        free.append(not lock.locked())
        memory.start(first)
        memory.finish(first, Outcome.SUCCESS, started=0.0, now=1.0, rng=Random(1))

    memory.adopt(many, 1.0, call)
    assert free == [True] * 6
    assert first.succeeded_at == 1.0


def test_who_left_is_out_whatever_becomes_of_its_last_requests() -> None:
    memory = Memory(DEFAULT, 0.0)
    (left,) = memory.adopt(webs([1]), 0.0)
    memory.start(left)
    memory.start(left)
    memory.adopt([], 1.0)
    memory.finish(left, Outcome.CONNECT, started=0.5, now=1.1, rng=Random(0))
    memory.finish(left, Outcome.SUCCESS, started=1.2, now=1.3, rng=Random(0))
    assert (left.gone, left.out) == (True, True)


def test_who_left_and_came_back_between_two_builds_is_in() -> None:
    """With the same generation: it was unhealthy for a moment, or an operator had taken it out."""
    both = webs([1, 2])
    memory = Memory(DEFAULT, 0.0)
    before, _ = memory.adopt(both, 0.0)
    memory.part({"web-1": 0}, 1.0)
    memory.part({"web-1": 1}, 1.1)
    again, _ = memory.adopt(both, 1.2)
    assert (before.gone, again.gone, again.out, again.since) == (True, False, False, 1.2)


def test_who_left_is_counted_as_leaving_once() -> None:
    memory = Memory(DEFAULT, 0.0)
    (left,) = memory.adopt(webs([1]), 0.0)
    memory.start(left)
    memory.part({"web-1": 0}, 1.0)
    memory.adopt([], 1.5)
    assert memory.sending(1.0 + limits.CLIENT_SENDING_S - 0.1)
    assert not memory.sending(1.0 + limits.CLIENT_SENDING_S)


def test_requests_to_whoever_left_are_on_their_way_until_they_are_over() -> None:
    memory = Memory(DEFAULT, 0.0)
    here, left = memory.adopt(webs([1, 2]), 0.0)
    for peer in (here, left):
        memory.start(peer)
    assert not memory.sending(0.5)
    memory.adopt(webs([1]), 1.0)
    assert memory.sending(1.5)
    memory.finish(left, Outcome.SUCCESS, started=0.0, now=1.6, rng=Random(0))
    assert not memory.sending(1.6)


def test_and_are_taken_to_have_arrived_some_time_later() -> None:
    memory = Memory(DEFAULT, 0.0)
    (left,) = memory.adopt(webs([1]), 0.0)
    memory.start(left)
    memory.adopt([], 1.0)
    memory.adopt([], 1.5)
    assert memory.sending(1.0 + limits.CLIENT_SENDING_S - 0.1)
    assert not memory.sending(1.0 + limits.CLIENT_SENDING_S)


def test_latency_is_kept_where_somebody_asks_for_it() -> None:
    caller = Caller(webs([1, 2]), Policy(balancer=Balancer(name="p2c_peak_ewma")))
    caller.call("web-1", took=0.5)
    assert caller.peer("web-1").latency.expected(caller.now, 10.0, 0) == 0.5


def test_turns_go_on_where_the_last_picker_stopped() -> None:
    caller = Caller(webs([1, 2, 3]), Policy(balancer=Balancer(name="round_robin")))
    seen = []
    for _ in range(6):
        caller.build()
        choice = caller.pick()
        assert choice is not None
        seen.append(choice.endpoint.id)
    assert sorted(seen[:3]) == ["web-1", "web-2", "web-3"]
    assert seen[3:] == seen[:3]


def test_what_is_worth_a_report() -> None:
    assert {outcome for outcome, meaning in MEANINGS.items() if meaning.suspect} == {
        Outcome.CONNECT,
        Outcome.RESET,
        Outcome.TIMEOUT,
    }


class Calling(RuleBasedStateMachine):
    """Calls that begin and end in any order, endpoints that come and go, time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.caller = Caller(webs(range(5)))
        self.open: list[tuple[str, Peer, float]] = []

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 7.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.caller.now += seconds

    @rule()
    def call(self) -> None:
        choice = self.caller.pick()
        assert choice is not None
        self.caller.memory.start(choice.peer)
        self.open.append((choice.endpoint.id, choice.peer, self.caller.now))

    @rule(outcome=st.sampled_from(Outcome), which=st.integers(0, 100))
    def answer(self, outcome: Outcome, which: int) -> None:
        if self.open:
            _, peer, started = self.open.pop(which % len(self.open))
            self.caller.memory.finish(
                peer, outcome, started=started, now=self.caller.now, rng=self.caller.rng
            )

    @rule(present=st.sets(st.integers(0, 7), min_size=1))
    def endpoints_change(self, present: set[int]) -> None:
        self.caller.endpoints = tuple(webs(sorted(present)))
        self.caller.build()

    @invariant()
    def requests_under_way_are_counted(self) -> None:
        memory = self.caller.memory
        assert memory.active == len(self.open)
        for endpoint, peer in zip(
            self.caller.endpoints, memory.adopt(self.caller.endpoints, self.caller.now), strict=True
        ):
            assert peer.outstanding == sum(1 for _, other, _ in self.open if other is peer), endpoint

    @invariant()
    def nobody_out_has_a_share_unless_in_panic(self) -> None:
        caller = self.caller
        if not caller.picker.fresh(caller.now):
            caller.build()
        if "panic" in repr(caller.picker):
            return
        for choice, share in caller.picker.shares():
            breaker = choice.peer.breaker
            out = choice.peer.record.ejected_at is not None or (
                breaker.state != "closed" and not breaker.ready(caller.now)
            )
            assert not (out and share)

    @invariant()
    def shares_add_up(self) -> None:
        assert abs(sum(share for _, share in self.caller.picker.shares()) - 1.0) < 1e-6


Calling.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestCalling = Calling.TestCase


def test_a_retry_is_counted_until_it_is_over() -> None:
    memory = Memory(DEFAULT, 0.0)
    memory.begin_retry()
    assert memory.retries == 1
    memory.end_retry()
    assert memory.retries == 0


def test_the_first_turn_is_anywhere() -> None:
    starts = {Memory(DEFAULT, 0.0).turn("x", Random(seed))() for seed in range(20)}
    assert len(starts) == 20


def test_only_what_changed_need_be_told_of_a_large_service() -> None:
    caller = Caller(webs([1, 2, 3]))
    old, peers = caller.picker, [caller.peer(id) for id in ("web-1", "web-2", "web-3")]
    caller.memory.part(
        {"web-1": 0, "web-2": 2, "web-3": 1, "web-9": 1}, caller.now
    )  # gone, started anew, as it was, new
    picked = {choice.endpoint.id for _ in range(50) if (choice := old.pick(caller.rng, caller.now))}
    assert picked == {"web-3"}
    assert [peer.gone for peer in peers] == [True, True, False]


def test_nothing_is_kept_of_those_never_called() -> None:
    caller = Caller(webs([1, 2]))
    caller.call("web-1")
    caller.now += 11
    caller.build()  # the sweep looks at everybody
    explain(caller.picker, caller.known(), caller.policy, caller.place, caller.now)
    known = [(peer.known_breaker, peer.known_record) for peer in map(caller.peer, ("web-1", "web-2"))]
    assert known[1] == (None, None)
    assert known[0][1] is not None
