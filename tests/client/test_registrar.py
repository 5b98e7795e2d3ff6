"""A registration that is kept, through whatever its registry does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from msgspec.structs import replace
from tests.client.conftest import QUICK, Follow, until

from muster.client import Absent, Bound, Refused, RegisterBody, Registrar
from muster.model.errors import Rejected
from muster.testing import FakeRegistry

BRISK = replace(QUICK, heartbeat_retry=0.05)
Keep = Callable[..., Registrar]


@pytest.fixture
def keep(registry: FakeRegistry) -> Iterator[Keep]:
    """`keep(port=8080)`: a started registrar of web-1, which leaves at the end."""
    with ExitStack() as stack:

        def start(
            *, on_superseded: Any = None, token: Any = None, urls: Any = None, **fields: Any
        ) -> Registrar:
            body = RegisterBody(**{"service": "web", "instance_id": "web-1", "port": 8080} | fields)
            registrar = Registrar(
                urls or registry.url, body, on_superseded=on_superseded, token=token, timing=BRISK
            )
            return stack.enter_context(registrar)

        yield start


def registered(registry: FakeRegistry, registrar: Registrar) -> None:
    """Registered, and its session open."""
    registrar.wait_registered()
    registry.wait(lambda: "web-1" in registry.sessions)


def test_it_registers_where_it_runs_and_opens_its_session(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep(zone="a", metadata={"rack": "7"})
    registered(registry, registrar)
    held = registry.holdings.get("web-1")
    assert held is not None
    assert (held.host, held.port, held.zone, held.metadata) == ("127.0.0.1", 8080, "a", {"rack": "7"})
    status = registrar.status()
    assert (status.state, status.generation, status.failure) == ("registered", held.generation, "")


def test_without_an_id_the_registry_names_it(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep(instance_id=None)
    registrar.wait_registered()
    assert registrar.status().instance_id == "web-127.0.0.1-8080"


def test_heartbeats_follow(registry: FakeRegistry, keep: Keep) -> None:
    keep(ttl=2, heartbeat_interval=0.1)
    registry.wait(lambda: registry.heartbeats.get("web-1", 0) >= 3)
    beat = next(request for request in registry.requests if request.path == "/v1/heartbeat/web-1")
    assert beat.first("generation") == "2"


def test_a_static_instance_has_neither_heartbeat_nor_session(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep(static=True)
    registrar.wait_registered()
    assert registrar.status().state == "registered"
    registrar.deregister()
    assert {request.path for request in registry.requests} == {"/v1/register", "/v1/instances/web-1"}


def test_what_cannot_be_registered_is_refused_before_anything_is_sent(registry: FakeRegistry) -> None:
    with pytest.raises(Rejected) as caught:
        Registrar(registry.url, RegisterBody(service="web", port=99_999))
    assert caught.value.field == "port"
    assert not registry.requests


def test_a_refusal_is_told_to_who_waits_and_tried_again(registry: FakeRegistry, keep: Keep) -> None:
    registry.answer(403, "token_invalid")
    registrar = keep()
    with pytest.raises(Refused, match="token_invalid"):
        registrar.wait_registered()
    registry.answer(None)
    registry.wait(lambda: registry.holdings.get("web-1") is not None)


def test_nobody_there_is_a_time_out_that_says_so(keep: Keep) -> None:
    registrar = keep(urls="http://127.0.0.1:9")
    with pytest.raises(TimeoutError, match=r"127\.0\.0\.1:9"):
        registrar.wait_registered(0.3)


def test_it_registers_again_where_it_was_forgotten(registry: FakeRegistry, keep: Keep) -> None:
    registered(registry, keep())
    registry.lose_everything()
    registry.wait(lambda: registry.holdings.get("web-1") is not None and "web-1" in registry.sessions)


def test_it_outlives_an_outage(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep(ttl=2, heartbeat_interval=0.1)
    registered(registry, registrar)
    registry.stop()
    beats = registry.heartbeats.get("web-1", 0)
    registry.start()
    registry.wait(lambda: registry.heartbeats.get("web-1", 0) > beats and "web-1" in registry.sessions)
    assert registrar.status().registrations == 1


def test_a_lost_session_is_opened_again(registry: FakeRegistry, keep: Keep) -> None:
    registered(registry, keep())
    before = registry.watchers[0].id
    registry.cut()
    registry.wait(lambda: any(watcher.id != before for watcher in registry.watchers))


def test_a_newer_incarnation_silences_it_for_good(registry: FakeRegistry, keep: Keep) -> None:
    superseded = threading.Event()
    older = keep(ttl=2, heartbeat_interval=0.1, on_superseded=superseded.set)
    registered(registry, older)
    keep().wait_registered()
    assert superseded.wait(20)
    assert older.status().state == "superseded"
    held = registry.holdings.get("web-1")
    older.deregister()
    assert registry.holdings.get("web-1") == held


def test_a_failing_callback_is_contained(registry: FakeRegistry, keep: Keep) -> None:
    older = keep(ttl=2, heartbeat_interval=0.1, on_superseded=lambda: 1 / 0)
    registered(registry, older)
    keep().wait_registered()
    registry.wait(lambda: older.status().state == "superseded")
    older.close()


# --- leaving


def test_a_drain_waits_for_the_readers(registry: FakeRegistry, keep: Keep, follow: Follow) -> None:
    registrar, discovery = keep(), follow("web")
    registered(registry, registrar)
    until(discovery, lambda: isinstance(discovery.mirror("web"), Bound))
    drained = registrar.drain()
    assert (drained.safe, drained.error) == (True, "")
    assert discovery.instances("web") == ()
    assert registrar.status().state == "draining"


def test_a_drain_names_who_stays_silent(registry: FakeRegistry, keep: Keep, follow: Follow) -> None:
    registrar, discovery = keep(), follow("web")
    registered(registry, registrar)
    until(discovery, lambda: isinstance(discovery.mirror("web"), Bound))
    registry.hush()
    drained = registrar.drain(wait=0.1)
    assert (drained.safe, drained.unacknowledged_count) == (False, 1)


def test_a_drain_without_a_registry_says_so_and_does_not_raise(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep()
    registered(registry, registrar)
    registry.stop()
    drained = registrar.drain(wait=0.1)
    assert not drained.safe
    assert "refused" in drained.error


def test_a_draining_one_never_registers_again(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep(ttl=2, heartbeat_interval=0.1)
    registered(registry, registrar)
    registrar.drain()
    registry.lose_everything()
    registry.wait(lambda: registrar.status().state == "left")
    assert registry.holdings.get("web-1") is None


def test_leaving_removes_it(registry: FakeRegistry, keep: Keep, follow: Follow) -> None:
    registrar, discovery = keep(), follow("web")
    registered(registry, registrar)
    registrar.deregister()
    until(discovery, lambda: isinstance(discovery.mirror("web"), Absent))
    registry.wait(lambda: not registry.sessions)
    assert registrar.status().state == "left"


def test_leaving_before_it_was_registered_leaves_nothing_behind(registry: FakeRegistry, keep: Keep) -> None:
    """The registration is on its way when its owner decides to go; whoever has left may end its process."""
    registry.hang()
    registrar = keep()
    registry.wait(lambda: bool(registry.requests))
    leaving = threading.Thread(target=registrar.deregister)
    leaving.start()
    with registrar._keeping.changed:
        assert registrar._keeping.changed.wait_for(lambda: registrar._keeping.tenure.over, 10)
    registry.hang(hanging=False)
    leaving.join()
    assert [request.method for request in registry.requests] == ["POST", "DELETE"]
    assert registry.holdings.get("web-1") is None


def test_leaving_waits_for_no_registry_that_hangs(registry: FakeRegistry) -> None:
    registry.hang()
    hasty = replace(BRISK, close=0.05, request=60.0)
    registrar = Registrar(registry.url, RegisterBody(service="web", port=8080), timing=hasty)
    registrar.start()
    registry.wait(lambda: bool(registry.requests))
    registrar.deregister()
    assert [request.method for request in registry.requests] == ["POST"]
    registry.hang(hanging=False)
    registrar.close()


def test_leaving_twice_is_leaving(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep()
    registered(registry, registrar)
    registrar.deregister()
    registrar.deregister()
    assert sum(request.method == "DELETE" for request in registry.requests) == 1


def test_closing_keeps_the_registration_and_ends_the_session(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep()
    registered(registry, registrar)
    registrar.close()
    registry.wait(lambda: not registry.sessions)
    assert registry.holdings.get("web-1") is not None


# --- particulars


def test_an_id_may_hold_what_a_path_must_not(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep(instance_id="node/web:1?x#y")
    registrar.wait_registered()
    registry.wait(lambda: registry.sessions == {"node/web:1?x#y"})


def test_its_secret_goes_with_whatever_concerns_it(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep(owner_secret="0123456789abcdef", token="t0ken")
    registered(registry, registrar)
    registrar.deregister()
    told = [
        (r.method, r.headers.get("Muster-Owner-Secret"), r.headers["Authorization"])
        for r in registry.requests
    ]
    assert told == [
        ("POST", None, "Bearer t0ken"),
        ("GET", "0123456789abcdef", "Bearer t0ken"),
        ("DELETE", "0123456789abcdef", "Bearer t0ken"),
    ]


def test_the_result_of_its_own_check_is_pushed(registry: FakeRegistry, keep: Keep) -> None:
    registrar = keep()
    registered(registry, registrar)
    registrar.report("warn", "queue is long", check="queue")
    pushed = next(request for request in registry.requests if request.path.endswith("/check"))
    assert pushed.body == b'{"result":"warn","output":"queue is long","check":"queue"}'
