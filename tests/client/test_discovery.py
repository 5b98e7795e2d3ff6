"""What callers of a Discovery see, while nothing is wrong."""

import asyncio
import gc
import sys
import threading
from collections import Counter
from contextlib import closing
from queue import SimpleQueue
from random import Random
from typing import Any

import pytest
from tests.client.conftest import QUICK, Follow, ports, until

from muster.client import Absent, Bound, Discovery, Mirror, NoEndpoint, NotReady
from muster.client.call import Call
from muster.client.endpoint import begun
from muster.model import limits
from muster.model.errors import Rejected
from muster.model.instance import Endpoint as Port
from muster.model.policy import Balancer, Policy
from muster.policy.outcome import Outcome
from muster.testing import FakeRegistry
from muster.testing.clock import ManualClock


@pytest.fixture
def of_two(registry: FakeRegistry, follow: Follow) -> Discovery:
    """Knows two instances of `web`."""
    for port in (1, 2):
        registry.add("web", port=port)
    discovery = follow("web")
    discovery.wait_ready()
    return discovery


def test_calls_are_spread_by_weight(registry: FakeRegistry, follow: Follow) -> None:
    for port, weight in ((1, 100), (2, 100), (3, 200)):
        registry.add("web", port=port, weight=weight)
    discovery = follow("web", rng=Random(7))
    discovery.wait_ready()
    picked = Counter(discovery.pick("web").port for _ in range(4_000))
    assert {port: round(n / 1_000) for port, n in picked.items()} == {1: 1, 2: 1, 3: 2}


@pytest.mark.parametrize(
    "nonsense",
    [
        {"port": -1},
        {"port": 65_536},
        {"host": ""},
        {"host": "a/../b"},
        {"host": "a\r\nb"},
        {"endpoints": (Port("default", -1, "http"),)},
    ],
)
def test_a_record_that_cannot_be_is_passed_over_and_the_others_are_called(
    registry: FakeRegistry, follow: Follow, nonsense: dict[str, object]
) -> None:
    registry.add("web", port=1)
    registry.add("web", **{"port": 2, "id": "odd", **nonsense})  # type: ignore[arg-type]
    discovery = follow("web")
    discovery.wait_ready()
    assert {discovery.pick("web").port for _ in range(50)} == {1}
    assert [one.instance_id for one in discovery.instances("web")] == ["web-1"]
    assert discovery.status().counts.unreadable == 1
    registry.change("odd", port=3, host="127.0.0.1", endpoints=(Port("default", 3, "http"),))
    until(discovery, lambda: {one.port for one in discovery.instances("web")} == {1, 3})


@pytest.mark.parametrize(("weight", "picked"), [(-5, {1}), (10**9, {1, 2})])
def test_a_weight_that_cannot_be_is_bounded(
    registry: FakeRegistry, follow: Follow, weight: int, picked: set[int]
) -> None:
    registry.add("web", port=1, weight=65_535)
    registry.add("web", port=2, weight=weight)
    discovery = follow("web")
    discovery.wait_ready()
    assert {discovery.pick("web").port for _ in range(200)} == picked
    registry.remove("web-1")
    until(discovery, lambda: discovery.pick("web").port == 2)


def test_an_instance_without_a_port_is_listed_and_never_called(
    registry: FakeRegistry, follow: Follow
) -> None:
    registry.add("web", port=0)
    discovery = follow("web")
    discovery.wait_ready()
    with pytest.raises(NoEndpoint) as caught:
        discovery.pick("web")
    assert (caught.value.reason, len(discovery.instances("web"))) == ("no_port", 1)
    registry.add("web", port=1)
    until(discovery, lambda: len(discovery.instances("web")) == 2)
    assert {discovery.pick("web").port for _ in range(50)} == {1}


@pytest.mark.parametrize("age", [-1.0, 0.0, float("nan")])
def test_an_age_that_nothing_can_have_is_refused(age: float) -> None:
    with pytest.raises(ValueError, match="max_age must be more than 0 s"):
        Discovery("http://127.0.0.1:1", "web", max_age=age)


def test_changes_arrive(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    registry.add("web", port=2)
    until(discovery, lambda: ports(discovery) == {1, 2})
    registry.change("web-1", status="draining")
    until(discovery, lambda: ports(discovery) == {2})


def test_a_large_service_comes_in_pages() -> None:
    with FakeRegistry(page=7) as registry:
        for port in range(1, 51):
            registry.add("web", port=port)
        with Discovery(registry.url, ["web"], timing=QUICK) as discovery:
            discovery.wait_ready()
            assert len(discovery.instances("web")) == 50


def test_one_stream_carries_all_services(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    registry.add("db", port=2)
    discovery = follow("web", "db")
    discovery.wait_ready()
    assert (discovery.pick("web").port, discovery.pick("db").port) == (1, 2)
    assert registry.readers == 1


def test_a_service_mentioned_later_is_followed_from_then_on(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    registry.add("db", port=2)
    discovery = follow("web")
    discovery.wait_ready()
    with pytest.raises(NoEndpoint) as caught:
        discovery.pick("db")
    assert caught.value.reason == "pending"
    discovery.wait_ready(10.0, "db")
    assert (discovery.pick("db").port, ports(discovery)) == (2, {1})


def test_names_are_the_same_in_any_case(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("Web")
    discovery.wait_ready()
    assert discovery.pick("WEB").port == discovery.pick("web").port == 1


def test_a_name_that_cannot_be_is_refused_at_once(follow: Follow) -> None:
    with pytest.raises(Rejected):
        follow("web service")


def test_dots_are_for_registries_that_allow_them(registry: FakeRegistry, follow: Follow) -> None:
    discovery = follow("web")
    with pytest.raises(Rejected):
        discovery.pick("web.eu")
    follow("web.eu", dotted_names=True).wait_ready()


def test_nobody_of_that_name(follow: Follow) -> None:
    discovery = follow("web")
    discovery.wait_ready()
    assert isinstance(discovery.mirror("web"), Absent)
    assert discovery.instances("web") == ()
    with pytest.raises(NoEndpoint, match="no instance of this name") as caught:
        discovery.pick("web")
    assert caught.value.reason == "absent"


def test_nobody_healthy(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1, status="unhealthy")
    discovery = follow("web")
    discovery.wait_ready()
    assert isinstance(discovery.mirror("web"), Bound)
    with pytest.raises(NoEndpoint) as caught:
        discovery.pick("web")
    assert caught.value.reason == "no_healthy"


def test_nobody_to_ask() -> None:
    with Discovery("http://127.0.0.1:9", ["web"], timing=QUICK) as discovery:
        with pytest.raises(NotReady, match="web") as caught:
            discovery.wait_ready(0.5)
        assert "127.0.0.1:9" in caught.value.services["web"]
        with pytest.raises(NoEndpoint, match="no registry can be asked") as raised:
            discovery.pick("web")
        assert raised.value.reason == "failed"


def test_after_close_there_is_nothing_to_pick(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    discovery.close()
    with pytest.raises(NoEndpoint) as caught:
        discovery.pick("web")
    assert caught.value.reason == "closed"


def test_nothing_runs_before_the_first_use(registry: FakeRegistry) -> None:
    discovery = Discovery(registry.url, ["web"], timing=QUICK)
    assert (discovery.status().running, list(registry.requests)) == (False, [])
    discovery.wait_ready()
    assert discovery.status().running
    discovery.close()


def test_overdue_instances_are_passed_over(registry: FakeRegistry, follow: Follow) -> None:
    for port in (1, 2, 3):
        registry.add("web", port=port, overdue=port == 1)
    discovery = follow("web")
    discovery.wait_ready()
    assert {discovery.pick("web").port for _ in range(64)} == {2, 3}
    assert ports(discovery) == {1, 2, 3}


def test_age_and_source_are_told(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    time = [100.0]
    discovery = follow("web", clock=lambda: time[0])
    discovery.wait_ready()
    registry.hush()
    time[0] += 7.0
    mirror = discovery.mirror("web")
    assert isinstance(mirror, Bound)
    assert (mirror.age, mirror.source) == (7.0, "live")


def test_everything_is_fetched_anew_now_and_then(registry: FakeRegistry, follow: Follow) -> None:
    time = [100.0]
    discovery = follow("web", clock=lambda: time[0])
    discovery.wait_ready()
    time[0] += 400.0
    registry.wait(lambda: sum(request.path == "/v1/watch" for request in registry.requests) == 2)
    first, second = (request for request in registry.requests if request.path == "/v1/watch")
    assert (first.first("after"), second.first("after")) == ("", "")
    assert discovery.status().counts.refreshes == 1


def test_what_is_asked_for_is_acknowledged_once_readers_have_it(
    registry: FakeRegistry, follow: Follow
) -> None:
    registry.add("web", port=1)
    registry.add("web", port=2)
    discovery = follow("web")
    discovery.wait_ready()
    registry.change("web-1", status="draining")
    revision = registry.ask_for_ack("web")
    registry.wait(lambda: not registry.silent("web", revision))
    assert ports(discovery) == {2}


def test_it_is_acknowledged_when_the_calls_begun_before_are_over(
    registry: FakeRegistry, follow: Follow
) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    call = discovery.pick("web").attempt()
    registry.change("web-1", status="draining")
    revision = registry.ask_for_ack("web")
    for port in (2, 3):  # whatever else comes is obeyed meanwhile
        registry.add("web", port=port)
        until(discovery, lambda port=port: port in ports(discovery))
    assert registry.silent("web", revision)
    call.finish()
    registry.wait(lambda: not registry.silent("web", revision))


def test_or_have_surely_arrived(registry: FakeRegistry, follow: Follow) -> None:
    time = ManualClock()
    registry.add("web", port=1)
    discovery = follow("web", clock=time)
    discovery.wait_ready()
    call = discovery.pick("web").attempt()
    registry.change("web-1", status="draining")
    revision = registry.ask_for_ack("web")
    until(discovery, lambda: ports(discovery) == set())
    time.advance(limits.CLIENT_SENDING_S)
    registry.wait(lambda: not registry.silent("web", revision))
    call.finish()


def test_a_call_that_begins_too_late_goes_elsewhere(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    late = discovery.pick("web")
    registry.remove("web-1")
    registry.add("web", port=2)
    until(discovery, lambda: ports(discovery) == {2})
    assert late.ledger is not None
    choices = iter([late, discovery.pick("web")])
    with Call(late.ledger, lambda *, avoid=(): next(choices), idempotent=False) as call:
        assert call.attempt().endpoint.port == 2
        assert call.attempts == 1
    assert late.ledger.memory.active == 0


def test_an_attempt_is_under_way_until_its_block_is_left(of_two: Discovery) -> None:
    with of_two.attempt("web") as one, of_two.attempt("web") as other:
        assert {one.endpoint.port, other.endpoint.port} == {1, 2}
    assert of_two.status().services["web"].calls[""].attempts == 2
    with pytest.raises(NoEndpoint), of_two.attempt("web", "no such port"):
        pass


def test_an_attempt_that_begins_too_late_is_one_of_somebody_else(
    registry: FakeRegistry, follow: Follow
) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    late = discovery.pick("web")
    registry.remove("web-1")
    registry.add("web", port=2)
    until(discovery, lambda: ports(discovery) == {2})
    choices = iter([late, discovery.pick("web")])
    with begun(lambda: next(choices)) as attempt:
        assert attempt.endpoint.port == 2
    assert late.peer is not None
    assert late.peer.outstanding == 0


def test_a_call_has_one_attempt_under_way(of_two: Discovery) -> None:
    """Whoever begins another without a word has given up the first."""
    with of_two.call("web") as call:
        first, second = call.attempt(), call.attempt()
        assert (first.outcome, second.outcome) == (Outcome.CANCELLED, None)
    ledger = first.endpoint.ledger
    assert ledger is not None
    assert ledger.memory.active == 0


def test_a_call_is_told_of_an_exception_as_it_is(of_two: Discovery) -> None:
    with of_two.call("web") as call:
        first = call.attempt().endpoint
        assert call.failed(ConnectionRefusedError(111, "refused")) is not None
        assert call.attempt().endpoint.port != first.port
        assert call.failed(ValueError("the caller's own")) is None


def test_token_and_namespace_go_with_every_request(registry: FakeRegistry, follow: Follow) -> None:
    discovery = follow("web", namespace="Shop", token="s3cret")
    discovery.wait_ready()
    request = registry.requests[0]
    assert (request.first("namespace"), request.headers["Authorization"]) == ("shop", "Bearer s3cret")


def test_a_token_with_a_line_break_is_no_header(registry: FakeRegistry, follow: Follow) -> None:
    discovery = follow("web", token="s3cret\r\nX-Evil: 1")
    until(discovery, lambda: "must not" in discovery.status().failure)
    assert not registry.requests


def test_the_environment_is_enough(registry: FakeRegistry) -> None:
    registry.add("web", port=1, zone="b")
    registry.add("web", port=2, zone="a")
    environ = {"MUSTER_URL": registry.url, "MUSTER_ZONE": "a", "MUSTER_CACHE_DIR": ""}
    with Discovery.from_env(["web"], environ=environ, timing=QUICK) as discovery:
        discovery.wait_ready()
        assert {discovery.pick("web").port for _ in range(4)} == {2}


def test_status_tells_everything(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web", "db")
    discovery.wait_ready()
    status = discovery.status()
    assert status.connection is not None
    assert (status.connection.registry, status.settled, status.failure) == (registry.url, True, "")
    assert {name: one.state for name, one in status.services.items()} == {"web": "bound", "db": "absent"}
    assert (status.services["web"].in_rotation, status.counts.streams) == (1, 1)


# --- changes


def test_a_callback_is_told_of_each_change_and_may_fail(registry: FakeRegistry, follow: Follow) -> None:
    heard = []

    def fail(mirror: object) -> None:
        heard.append(mirror)
        raise RuntimeError("a bug of the caller's")

    discovery = follow("web")
    discovery.wait_ready()
    end = discovery.on_change(fail)
    registry.add("web", port=1)
    until(discovery, lambda: ports(discovery) == {1})
    registry.add("web", port=2)
    until(discovery, lambda: ports(discovery) == {1, 2})
    until(discovery, lambda: discovery.status().counts.callback_errors == 2)
    assert [type(mirror) for mirror in heard] == [Bound, Bound]
    end()
    registry.add("web", port=3)
    until(discovery, lambda: ports(discovery) == {1, 2, 3})
    assert len(heard) == 2


def test_a_callback_that_would_end_its_thread_does_not(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.on_change(lambda mirror: sys.exit("enough"))
    discovery.wait_ready()
    registry.add("web", port=2)
    until(discovery, lambda: ports(discovery) == {1, 2} and discovery.status().counts.callback_errors >= 1)


def test_one_service_need_not_be_a_list_of_one(registry: FakeRegistry) -> None:
    assert repr(Discovery(registry.url, "web")) == "<Discovery of web, not started>"


def test_a_policy_is_a_policy(registry: FakeRegistry) -> None:
    with pytest.raises(ValueError, match="the policy of web is a str"):
        Discovery(registry.url, ["web"], policies={"web": "maglev"})  # type: ignore[dict-item]


def test_a_callback_may_close(registry: FakeRegistry, follow: Follow) -> None:
    discovery = follow("web")
    discovery.wait_ready()
    discovery.on_change(lambda mirror: discovery.close())
    registry.add("web", port=1)
    registry.wait(lambda: registry.readers == 0)
    assert not discovery.status().running


def test_changes_are_iterated_over(registry: FakeRegistry, follow: Follow) -> None:
    discovery = follow("web", "db")
    discovery.wait_ready()
    changes = discovery.changes("web", timeout=10.0)
    registry.add("db", port=1)
    registry.add("web", port=2)
    mirror = next(changes)
    assert isinstance(mirror, Bound)
    assert mirror.service == "web"


def test_a_slow_reader_of_changes_gets_the_last_state(registry: FakeRegistry, follow: Follow) -> None:
    discovery = follow("web")
    discovery.wait_ready()
    changes = discovery.changes()
    for port in range(1, 6):
        registry.add("web", port=port)
    until(discovery, lambda: len(ports(discovery)) == 5)
    discovery.close()
    states = list(changes)
    assert len(states) <= 1
    assert all(isinstance(state, Bound) and len(state.instances) == 5 for state in states)


def test_changes_end_with_the_time_and_with_the_discovery(follow: Follow) -> None:
    discovery = follow("web")
    discovery.wait_ready()
    assert list(discovery.changes(timeout=0.01)) == []
    changes = discovery.changes()
    discovery.close()
    assert list(changes) == []
    assert list(discovery.changes()) == []


def test_to_ask_for_changes_is_a_use(registry: FakeRegistry) -> None:
    registry.add("web", port=1)
    with closing(Discovery(registry.url, ["web"], timing=QUICK)) as discovery:
        assert isinstance(next(discovery.changes(timeout=20.0)), Bound)


def test_and_so_is_a_callback(registry: FakeRegistry) -> None:
    registry.add("web", port=1)
    told: SimpleQueue[Mirror] = SimpleQueue()
    with closing(Discovery(registry.url, ["web"], timing=QUICK)) as discovery:
        discovery.on_change(told.put)
        assert isinstance(told.get(timeout=20), Bound)


def test_whoever_waits_for_changes_needs_nothing_else(registry: FakeRegistry) -> None:
    """Not the Discovery itself, which ends when it is forgotten."""
    registry.add("web", port=1)
    changes = Discovery(registry.url, ["web"], timing=QUICK).changes(timeout=20.0)
    assert isinstance(next(changes), Bound)
    gc.collect()
    registry.add("web", port=2)
    assert len(next(each for each in changes if isinstance(each, Bound)).instances) == 2


def test_whoever_waits_when_it_is_closed_is_told_so(registry: FakeRegistry) -> None:
    registry.hang()
    discovery = Discovery(registry.url, ["web"], timing=QUICK)
    threading.Timer(0.05, discovery.close).start()
    with pytest.raises(NoEndpoint, match="this Discovery is closed"):
        discovery.wait_ready(20)


def test_whoever_stops_waiting_keeps_no_thread(registry: FakeRegistry) -> None:
    """The loop would wait for it when it ends."""
    registry.hang()

    async def impatient(discovery: Discovery) -> None:
        async with asyncio.timeout(0.05):
            await discovery.wait_ready_async(3_600)

    with Discovery(registry.url, ["web"], timing=QUICK) as discovery, pytest.raises(TimeoutError):
        asyncio.run(impatient(discovery))


def test_threads_may_share_changes(follow: Follow) -> None:
    discovery = follow("web")
    discovery.wait_ready()
    changes = discovery.changes("web")
    readers = [threading.Thread(target=list, args=[changes], daemon=True) for _ in range(3)]
    for reader in readers:
        reader.start()
    discovery.close()
    for reader in readers:
        reader.join(20)
    assert not any(reader.is_alive() for reader in readers)


async def test_and_so_may_tasks(registry: FakeRegistry) -> None:
    async with Discovery(registry.url, ["web"], timing=QUICK) as discovery:
        await discovery.wait_ready_async()
        changes = discovery.changes("web")

        async def read() -> None:
            assert [mirror async for mirror in changes] == []

        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(read()) for _ in range(3)]
            await asyncio.sleep(0)
            reading.pop().cancel()
            await asyncio.to_thread(discovery.close)


async def test_a_loop_waits_for_nothing(registry: FakeRegistry) -> None:
    registry.add("web", port=1)
    async with Discovery(registry.url, ["web"], timing=QUICK) as discovery:
        await discovery.wait_ready_async()
        assert discovery.pick("web").port == 1
        registry.add("web", port=2)
        async with asyncio.timeout(20):
            async for mirror in discovery.changes("web"):
                if isinstance(mirror, Bound) and len(mirror.instances) == 2:
                    break


async def test_async_changes_end_when_it_is_closed(registry: FakeRegistry) -> None:
    async with Discovery(registry.url, ["web"], timing=QUICK) as discovery:
        await discovery.wait_ready_async()
        changes = discovery.changes()
        asyncio.get_running_loop().call_later(0.05, discovery.close)
        async with asyncio.timeout(20):
            assert [mirror async for mirror in changes] == []


# --- what cannot be


@pytest.mark.parametrize("urls", [None, "", []])
def test_no_registry_says_so(urls: Any) -> None:
    with pytest.raises(ValueError, match="set MUSTER_URL"):
        Discovery(urls)


@pytest.mark.parametrize("name", [None, 5, b"web"])
def test_a_name_is_text(follow: Follow, name: Any) -> None:
    discovery = follow("web")
    with pytest.raises(Rejected, match="service: must be text, not"):
        discovery.pick(name)


@pytest.mark.parametrize("field", ["zone", "region"])
def test_a_place_where_nobody_can_be(field: str) -> None:
    with pytest.raises(Rejected, match=field):
        Discovery("http://127.0.0.1:1", **{field: "a\x1b"})


def test_a_name_in_place_of_the_seconds(follow: Follow) -> None:
    with pytest.raises(TypeError, match="timeout is a number of seconds, not 'web'"):
        follow("web").wait_ready("web")  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_a_call_takes_some_time(registry: FakeRegistry, follow: Follow, seconds: float) -> None:
    registry.add("web", port=1)
    discovery = follow("web")
    discovery.wait_ready()
    with pytest.raises(ValueError, match="timeout must be more than 0 s"):
        discovery.call("web", timeout=seconds)


def test_endpoints_can_be_kept_in_sets(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    registry.add("web", port=2)
    discovery = follow("web")
    discovery.wait_ready()
    assert {endpoint.port for endpoint in {discovery.pick("web") for _ in range(50)}} == {1, 2}


def test_whatever_a_key_holds_it_leads_somewhere(registry: FakeRegistry, follow: Follow) -> None:
    """A header's value may have been decoded with what stands for bytes that are no text."""
    registry.add("web", port=1)
    discovery = follow("web", policies={"web": Policy(balancer=Balancer(name="maglev"))})
    discovery.wait_ready()
    assert discovery.pick("web", key="\udcff").port == 1
