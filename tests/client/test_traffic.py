"""Whom calls go to, and what failed ones change."""

import gc
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from tests.client.conftest import Follow, ports, until

from muster.client import Discovery, NoEndpoint
from muster.client.endpoint import Endpoint
from muster.model import limits
from muster.model.instance import Endpoint as Port
from muster.model.policy import Balancer, Locality, Policy, Route, Split, Subset
from muster.model.resilience import Breaker, Retries
from muster.policy.outcome import Outcome
from muster.testing import FakeRegistry
from muster.testing.clock import ManualClock


def service(registry: FakeRegistry, count: int, **fields: object) -> None:
    for port in range(1, count + 1):
        registry.add("web", port=port, **fields)


def picked(discovery: Discovery, times: int = 200, **options: object) -> set[int]:
    return {discovery.pick("web", **options).port for _ in range(times)}  # type: ignore[arg-type]


def eventually(discovery: Discovery, holds: Callable[[], bool]) -> None:
    """Pickers are made in a thread of their own, which wakes nobody: look at every word from the registry."""
    until(discovery, holds)


def fail(endpoint: Endpoint, outcome: Outcome = Outcome.CONNECT) -> None:
    endpoint.attempt().finish(outcome)


def one(discovery: Discovery, port: int) -> Endpoint:
    return next(e for e in iter(lambda: discovery.pick("web"), None) if e.port == port)


class Slow(ManualClock):
    """Everything takes 10 ms, so that builds are put off."""

    def __call__(self) -> float:
        self.advance(0.01)
        return super().__call__()


def test_who_left_is_not_picked_though_a_build_is_put_off(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 1)
    discovery = follow("web", clock=Slow())
    discovery.wait_ready()
    for port in range(2, 10):
        registry.remove(f"web-{port - 1}")
        registry.add("web", port=port)
        until(discovery, lambda port=port: ports(discovery) == {port})
        assert picked(discovery, 5) == {port}


def test_who_came_is_picked_though_a_build_is_put_off(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 1)
    discovery = follow("web", clock=Slow())
    discovery.wait_ready()
    for _ in range(5):
        registry.remove("web-1")
        until(discovery, lambda: ports(discovery) == set())
        with pytest.raises(NoEndpoint):
            discovery.pick("web")
        registry.add("web", port=1)
        until(discovery, lambda: ports(discovery) == {1})
        assert discovery.pick("web").port == 1


# --- what the policy says


def test_the_own_zone_comes_first(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1, zone="a")
    registry.add("web", port=2, zone="b")
    discovery = follow("web", zone="b")
    discovery.wait_ready()
    assert picked(discovery) == {2}


def test_another_region_is_not_used_unless_the_policy_says_so(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1, region="us")
    here = follow("web", region="eu")
    here.wait_ready()
    with pytest.raises(NoEndpoint, match="other regions") as caught:
        here.pick("web")
    assert caught.value.reason == "remote"
    anywhere = follow("web", region="eu", policies={"Web": Policy(locality=Locality(remote=True))})
    anywhere.wait_ready()
    assert picked(anywhere) == {1}


def test_ports_are_found_by_name(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1, endpoints=(Port("default", 1, "http"), Port("grpc", 2, "grpc")))
    registry.add("web", port=3)
    discovery = follow("web")
    discovery.wait_ready()
    assert picked(discovery) == {1, 3}
    assert picked(discovery, port="grpc") == {2}
    with pytest.raises(NoEndpoint, match="metrics") as caught:
        discovery.pick("web", "metrics")
    assert caught.value.reason == "no_port"


def test_a_port_follows_changes_too(registry: FakeRegistry, follow: Follow) -> None:
    discovery = follow("web")
    discovery.wait_ready()
    with pytest.raises(NoEndpoint):
        discovery.pick("web", "grpc")
    registry.add("web", port=1, endpoints=(Port("grpc", 2, "grpc"),))
    until(discovery, lambda: ports(discovery) == {1})
    assert picked(discovery, port="grpc") == {2}


CANARY = Policy(
    subsets=(
        Subset(name="old", version="1"),
        Subset(name="new", version="2"),
        Subset(name="none", version="3"),
    ),
    splits=(Split(subset="old", weight=95), Split(subset="new", weight=5)),
    routes=(Route(header="x-canary", subset="new"),),
    fallback="no_fallback",
)


def test_names_that_nobody_has_take_no_places_from_one_that_somebody_has(
    registry: FakeRegistry, follow: Follow
) -> None:
    registry.add("web", port=1, endpoints=(Port("grpc", 7, "grpc"),))
    discovery = follow("web")
    discovery.wait_ready()
    for number in range(2 * limits.CLIENT_PORTS):
        with pytest.raises(NoEndpoint):
            discovery.pick("web", f"wrong-{number}")
    first, second = (discovery.pick("web", "grpc").peer for _ in range(2))
    assert first is second
    assert len(discovery.status().services["web"].calls) <= limits.CLIENT_PORTS


def test_a_canary_gets_its_share_and_whoever_asks_for_it(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1, version="1")
    registry.add("web", port=2, version="2")
    discovery = follow("web", policies={"web": CANARY}, rng=Random(3))
    discovery.wait_ready()
    share = Counter(discovery.pick("web").port for _ in range(4_000))[2] / 4_000
    assert 0.05 - 0.01 < share < 0.05 + 0.01
    assert picked(discovery, headers={"X-Canary": "yes"}) == {2}
    assert picked(discovery, subset="old") == {1}
    with pytest.raises(NoEndpoint, match="none") as caught:
        discovery.pick("web", subset="none")
    assert caught.value.reason == "no_subset"


def test_a_key_stays_where_it_is(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 5)
    discovery = follow("web", policies={"web": Policy(balancer=Balancer(name="ring_hash"))})
    discovery.wait_ready()
    owner = discovery.pick("web", key="user 7").port
    assert picked(discovery, key="user 7") == {owner}
    assert len(picked(discovery)) == 5
    registry.remove(f"web-{owner % 5 + 1}")
    until(discovery, lambda: len(ports(discovery)) == 4)
    assert picked(discovery, key="user 7") == {owner}


def test_those_tried_before_are_avoided(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 3)
    discovery = follow("web")
    discovery.wait_ready()
    first = discovery.pick("web")
    second = discovery.pick("web", avoid=[first])
    assert picked(discovery, avoid=[first, second]) == {1, 2, 3} - {first.port, second.port}


# --- what calls teach


def test_a_refused_connection_takes_the_endpoint_out_at_once(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 3)
    discovery = follow("web")
    discovery.wait_ready()
    fail(one(discovery, 2))
    assert picked(discovery) == {1, 3}


def test_a_zone_that_is_out_of_reach_is_passed_over_though_a_build_is_put_off(
    registry: FakeRegistry, follow: Follow
) -> None:
    service(registry, 4, zone="a")
    for port in range(5, 9):
        registry.add("web", port=port, zone="b")
    discovery = follow("web", clock=Slow())
    discovery.wait_ready()
    lost = [one(discovery, port) for port in (5, 6, 7)]
    for endpoint in lost:
        fail(endpoint)
    assert picked(discovery, 50) == {1, 2, 3, 4}


def test_and_is_reported_to_the_registry_once(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 2)
    discovery = follow("web")
    discovery.wait_ready()
    doubtful = one(discovery, 2)
    for _ in range(5):
        fail(doubtful)
    registry.wait(lambda: any(seen.path.endswith("/suspect") for seen in registry.requests))
    fail(one(discovery, 1))
    registry.wait(lambda: any(seen.path.endswith("web-1/suspect") for seen in registry.requests))
    told = [seen.path for seen in registry.requests if seen.path.endswith("/suspect")]
    assert told == ["/v1/instances/web-2/suspect", "/v1/instances/web-1/suspect"]


def test_nothing_is_reported_where_endpoints_are_written_down() -> None:
    with Discovery("static:web=127.0.0.1:1", ["web"]) as discovery:
        discovery.wait_ready()
        fail(discovery.pick("web"))
        assert discovery.pick("web").port == 1  # nobody else is there


def test_an_open_breaker_lets_a_trial_through_and_closes_on_success(
    registry: FakeRegistry, follow: Follow
) -> None:
    service(registry, 2)
    clock = ManualClock()
    discovery = follow("web", clock=clock)
    discovery.wait_ready()
    fail(one(discovery, 2))
    assert picked(discovery) == {1}
    clock.advance(Breaker().open_time + 0.1)
    trials: list[Endpoint] = []

    def tried() -> bool:
        trials.extend(e for e in (discovery.pick("web") for _ in range(50)) if e.port == 2)
        return bool(trials)

    eventually(discovery, tried)
    assert len(trials) == 1
    trials[0].attempt().finish()
    eventually(discovery, lambda: picked(discovery) == {1, 2})


def test_the_busy_one_gets_less(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 2)
    discovery = follow("web")
    discovery.wait_ready()
    busy = one(discovery, 1)
    under_way = [busy.attempt() for _ in range(10)]
    assert picked(discovery) == {2}
    for attempt in under_way:
        attempt.finish()
        attempt.finish()
    assert picked(discovery) == {1, 2}


def test_an_own_success_outweighs_the_registrys_doubt(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 3)
    discovery = follow("web")
    discovery.wait_ready()
    one(discovery, 1).attempt().finish()
    for id in ("web-1", "web-2"):
        registry.change(id, overdue=True)
    until(discovery, lambda: sum(i.overdue for i in discovery.instances("web")) == 2)
    eventually(discovery, lambda: picked(discovery) == {1, 3})


def test_who_is_not_listed_any_more_is_not_picked_even_while_the_picker_waits_to_be_made(
    registry: FakeRegistry, follow: Follow
) -> None:
    service(registry, 4)
    discovery = follow("web")
    discovery.wait_ready()
    traffic = discovery.pick("web").ledger
    assert traffic is not None
    traffic._earliest = float("inf")
    registry.remove("web-2")
    until(discovery, lambda: ports(discovery) == {1, 3, 4})
    assert picked(discovery) == {1, 3, 4}


# --- what becomes of an attempt


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectionRefusedError(111, "refused"), Outcome.CONNECT),
        (OSError(113, "no route"), Outcome.CONNECT),
        (ConnectionResetError(104, "reset"), Outcome.RESET),
        (EOFError(), Outcome.RESET),
        (TimeoutError(), Outcome.TIMEOUT),
        (ssl.SSLCertVerificationError(1, "certificate has expired"), Outcome.CONNECT),
        (ssl.SSLError(1, "decryption failed or bad record mac"), Outcome.RESET),
        (ValueError("the caller's own"), Outcome.CANCELLED),
        (KeyboardInterrupt(), Outcome.CANCELLED),
    ],
)
def test_exceptions_say_what_happened(
    registry: FakeRegistry, follow: Follow, error: BaseException, outcome: Outcome
) -> None:
    service(registry, 1)
    discovery = follow("web")
    discovery.wait_ready()
    with pytest.raises(type(error)), discovery.pick("web").attempt() as attempt:
        raise error
    assert attempt.outcome is outcome


def test_a_wrapped_exception_says_it_too(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 1)
    discovery = follow("web")
    discovery.wait_ready()
    with pytest.raises(RuntimeError), discovery.pick("web").attempt() as attempt:
        raise RuntimeError("of some library") from ConnectionRefusedError(111, "refused")
    assert attempt.outcome is Outcome.CONNECT


def test_a_status_says_whose_fault_it_was(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 1)
    discovery = follow("web")
    discovery.wait_ready()
    outcomes = []
    for status in (200, 404, 500, 503):
        with discovery.pick("web").attempt() as attempt:
            attempt.answered(status)
        outcomes.append(attempt.outcome)
    assert outcomes == [Outcome.SUCCESS, Outcome.SUCCESS, Outcome.FAILURE, Outcome.GATEWAY]


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (200, ConnectionResetError(), Outcome.RESET),
        (200, TimeoutError(), Outcome.TIMEOUT),
        (200, ValueError("the caller's own"), Outcome.SUCCESS),
        (503, ValueError("the caller's own"), Outcome.GATEWAY),
        (503, ConnectionResetError(), Outcome.GATEWAY),
    ],
)
def test_a_good_answer_that_breaks_is_none(
    registry: FakeRegistry, follow: Follow, status: int, error: Exception, outcome: Outcome
) -> None:
    service(registry, 1)
    discovery = follow("web")
    discovery.wait_ready()
    attempt = discovery.pick("web").attempt()
    attempt.answered(status)
    with pytest.raises(type(error)), attempt:
        raise error
    assert attempt.outcome is outcome


def test_one_that_nobody_finishes_is_over_when_it_is_forgotten(
    registry: FakeRegistry, follow: Follow
) -> None:
    service(registry, 1)
    discovery = follow("web")
    discovery.wait_ready()
    for _ in range(3):
        discovery.attempt("web")
    gc.collect()
    peer = discovery.pick("web").peer
    assert peer is not None
    assert (peer.outstanding, peer.out) == (0, False)


def test_what_was_not_picked_cannot_be_attempted() -> None:
    with Discovery("static:web=127.0.0.1:1", ["web"]) as discovery:
        discovery.wait_ready()
        copied = Endpoint("127.0.0.1", 1, discovery.instances("web")[0])
        with pytest.raises(ValueError, match="not picked"):
            copied.attempt()


# --- when there is nobody


def test_all_ejected_and_no_panic_allowed(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 2)
    discovery = follow("web", policies={"web": Policy(panic_threshold=0, retries=Retries(num_retries=0))})
    discovery.wait_ready()
    for port in (1, 2):
        fail(one(discovery, port))

    def refused() -> bool:
        try:
            discovery.pick("web")
        except NoEndpoint as nobody:
            return nobody.reason == "ejected"
        return False

    eventually(discovery, refused)


def test_what_is_too_old_is_not_used_if_the_caller_says_so(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 1)
    clock = ManualClock()
    discovery = follow("web", clock=clock, max_age=30.0)
    discovery.wait_ready()
    assert discovery.pick("web").port == 1
    registry.hush()
    clock.advance(60.0)
    with pytest.raises(NoEndpoint, match=r"60\.0 s ago") as caught:
        discovery.pick("web")
    assert caught.value.reason == "too_old"


def test_a_split_that_leads_nowhere_says_so(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    discovery = follow("web", policies={"web": CANARY})
    discovery.wait_ready()
    with pytest.raises(NoEndpoint) as caught:
        discovery.pick("web")
    assert caught.value.reason == "no_subset"


# --- the registry's policy


OTHER = Policy(panic_threshold=10)
STICKY = Policy(balancer=Balancer(name="maglev", table_size=1009))


def obeyed(discovery: Discovery, policy: Policy) -> bool:
    traffic = discovery.pick("web").ledger
    return traffic is not None and traffic.policy == policy


def test_the_registrys_policy_is_obeyed_and_so_are_its_change_and_its_end(
    registry: FakeRegistry, follow: Follow
) -> None:
    service(registry, 3)
    registry.steer("web", STICKY)
    discovery = follow("web")
    discovery.wait_ready()
    until(discovery, lambda: obeyed(discovery, STICKY))
    assert len(picked(discovery, key="user 7")) == 1
    registry.steer("web", OTHER)
    until(discovery, lambda: obeyed(discovery, OTHER))
    registry.steer("web", None)
    until(discovery, lambda: obeyed(discovery, Policy()))


def test_a_policy_that_went_while_nobody_looked_is_gone(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 1)
    registry.steer("web", STICKY)
    discovery = follow("web")
    discovery.wait_ready()
    until(discovery, lambda: obeyed(discovery, STICKY))
    registry.holdings._policies.clear()
    registry.cut()
    until(discovery, lambda: obeyed(discovery, Policy()))


def test_what_cannot_be_understood_changes_nothing(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 1)
    registry.steer("web", STICKY)
    discovery = follow("web")
    discovery.wait_ready()
    until(discovery, lambda: obeyed(discovery, STICKY))
    registry.garble(b'event: policy\ndata: {"service":"web","revision":99,"policy":{"format":2}}\n\n')
    until(discovery, lambda: discovery.status().counts.unreadable == 1)
    assert obeyed(discovery, STICKY)


def test_this_process_may_decide_by_itself(registry: FakeRegistry, follow: Follow) -> None:
    service(registry, 1)
    registry.steer("web", STICKY)
    discovery = follow("web", policies={"web": OTHER})
    discovery.wait_ready()
    assert obeyed(discovery, OTHER)


def test_a_process_started_in_an_outage_obeys_the_last_known_one(
    registry: FakeRegistry, follow: Follow, tmp_path: Path
) -> None:
    service(registry, 3)
    registry.steer("web", STICKY)
    first = follow("web", cache_dir=tmp_path)
    first.wait_ready()
    until(first, lambda: obeyed(first, STICKY))
    first.close()
    registry.stop()
    second = follow("web", cache_dir=tmp_path)
    second.wait_ready()
    assert obeyed(second, STICKY)


def test_it_says_why_an_instance_is_out(registry: FakeRegistry, follow: Follow) -> None:
    registry.add("web", port=1)
    registry.add("web", port=2)
    discovery = follow("web")
    discovery.wait_ready()
    out = discovery.pick("web")
    out.attempt().finish(Outcome.CONNECT)
    told = {each.instance_id: each.why for each in discovery.explain("web")}
    assert "its breaker is open" in told.pop(out.id)
    assert list(told.values()) == ["in rotation"]
