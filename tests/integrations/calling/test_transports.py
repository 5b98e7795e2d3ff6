"""httpx and httpx2, for threads and loops: one set of tests for all four transports."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx  # noqa: TID251 - what is tested
import httpx2
import pytest
import trio
from tests.integrations.calling.conftest import Found, Web
from tests.integrations.calling.instances import Instance, closed_port

import muster.integrations.httpx
import muster.integrations.httpx2
from muster.client import Discovery, NoEndpoint
from muster.model.policy import Balancer, Policy
from muster.model.resilience import BackOff, Budget, Limits, Retries, Timeouts
from muster.testing import FakeRegistry

QUICK = BackOff(base_interval=0.001, max_interval=0.01)
URL = "http://web.svc/stock"
LIBRARIES = {"httpx": (httpx, muster.integrations.httpx), "httpx2": (httpx2, muster.integrations.httpx2)}


class Client:
    """The same face for all four: `client("GET", url, ...)`. `library`: its module, for its exceptions."""

    def __init__(self, library: Any, call: Callable[..., Any]) -> None:
        self.library = library
        self._call = call

    def __call__(self, method: str, url: str = URL, **options: Any) -> Any:
        return self._call(method, url, **options)


@pytest.fixture(params=["httpx", "httpx-async", "httpx2", "httpx2-async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    name, _, loop = request.param.partition("-")
    library, ours = LIBRARIES[name]
    with contextlib.ExitStack() as stack:

        def blocking(discovery: Discovery, **options: Any) -> Client:
            mounts = {"all://*.svc": ours.Transport(discovery, **options)}
            return Client(library, stack.enter_context(library.Client(mounts=mounts)).request)

        def looping(discovery: Discovery, **options: Any) -> Client:
            runner = stack.enter_context(asyncio.Runner())
            client = library.AsyncClient(mounts={"all://*.svc": ours.AsyncTransport(discovery, **options)})
            stack.callback(lambda: runner.run(client.aclose()))
            return Client(library, lambda *a, **k: runner.run(client.request(*a, **k)))

        yield looping if loop else blocking


def policy(**fields: Any) -> Policy:
    return Policy(retries=Retries(back_off=QUICK, **fields))


def test_a_service_is_called_by_its_name(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    (one,) = web(1)
    answer = connect(find())("GET")
    assert (answer.status_code, answer.text) == (200, f"{one.port} GET /stock")
    assert one.asked == [("GET", "/stock", "web.svc", b"")]
    assert str(answer.request.url) == URL
    assert answer.extensions["muster"].port == one.port


def test_calls_are_spread(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    instances = web(3)
    client = connect(find())
    for _ in range(60):
        client("GET")
    assert all(instance.asked for instance in instances)


def test_a_dead_instance_costs_no_call(
    registry: FakeRegistry, web: Web, find: Found, connect: Callable[..., Client]
) -> None:
    registry.add("web", port=closed_port(), id="dead")
    web(2)
    discovery = find(policy())
    client = connect(discovery)
    assert [client("POST", content=b"order").status_code for _ in range(20)] == [200] * 20
    registry.wait(lambda: any(seen.path.endswith("dead/suspect") for seen in registry.requests))
    assert "dead" not in {discovery.pick("web").id for _ in range(50)}


def test_what_is_not_idempotent_is_sent_once(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    instances = web(2, say=lambda instance, method, path: (503, {}, b"busy"))
    client = connect(find(policy()))
    assert client("POST", content=b"order").status_code == 503
    assert sum(len(instance.asked) for instance in instances) == 1


def test_unless_it_says_that_it_is(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    instances = web(3, say=lambda instance, method, path: (503, {}, b"busy"))
    client = connect(find(policy()))
    assert client("POST", content=b"order", headers={"Idempotency-Key": "7"}).status_code == 503
    assert [len(instance.asked) for instance in instances] == [1, 1, 1]
    assert {instance.asked[0][3] for instance in instances} == {b"order"}


def test_a_connection_that_breaks_before_the_answer_is_tried_elsewhere(
    web: Web, find: Found, connect: Callable[..., Client]
) -> None:
    broken, _ = web(2)
    broken.say = lambda instance, method, path: (0, {}, b"")
    client = connect(find(policy()))
    assert [client("GET").status_code for _ in range(20)] == [200] * 20


def test_no_time_at_all_is_refused_and_held_against_nobody(
    web: Web, find: Found, connect: Callable[..., Client]
) -> None:
    (one,) = web(1)
    discovery = find()
    client = connect(discovery)
    for options in (
        {"timeout": 0},
        {"extensions": {"muster": {"timeout": 0}}},
        {"extensions": {"muster": {"timeout": -1}}},
    ):
        with pytest.raises(ValueError, match="0 s"):
            client("GET", **options)
    assert [verdict.why for verdict in discovery.explain("web")] == ["in rotation"]
    assert one.asked == []


@pytest.mark.parametrize("name", LIBRARIES)
def test_an_answer_that_nobody_closes_is_over_when_it_is_collected(web: Web, find: Found, name: str) -> None:
    web(1)
    discovery = find()
    library, ours = LIBRARIES[name]

    def forgetful() -> None:
        client = library.Client(transport=ours.Transport(discovery))
        client.send(client.build_request("GET", URL), stream=True)

    forgetful()
    gc.collect()
    assert discovery.pick("web").peer.outstanding == 0


@pytest.mark.parametrize("name", LIBRARIES)
async def test_on_a_loop_too(web: Web, find: Found, name: str) -> None:
    web(1)
    discovery = find()
    library, ours = LIBRARIES[name]

    async def forgetful() -> None:
        client = library.AsyncClient(transport=ours.AsyncTransport(discovery))
        await client.send(client.build_request("GET", URL), stream=True)

    await forgetful()
    gc.collect()
    assert discovery.pick("web").peer.outstanding == 0


@pytest.mark.parametrize("name", LIBRARIES)
def test_on_trio_too(web: Web, find: Found, name: str) -> None:
    library, ours = LIBRARIES[name]
    broken, _ = web(2)
    broken.say = lambda instance, method, path: (0, {}, b"")
    discovery = find(policy())

    async def statuses() -> list[int]:
        async with library.AsyncClient(mounts={"all://*.svc": ours.AsyncTransport(discovery)}) as client:
            return [(await client.get(URL)).status_code for _ in range(20)]

    assert trio.run(statuses) == [200] * 20


def test_the_last_failure_is_the_librarys_own(
    registry: FakeRegistry, find: Found, connect: Callable[..., Client]
) -> None:
    registry.add("web", port=closed_port())
    client = connect(find(policy(num_retries=1)))
    with pytest.raises(client.library.ConnectError):
        client("GET")


def test_nobody_to_call_is_a_connect_error_that_says_why(find: Found, connect: Callable[..., Client]) -> None:
    client = connect(find())
    with pytest.raises(client.library.ConnectError, match="no instance of this name") as caught:
        client("GET")
    cause = caught.value.__cause__
    assert isinstance(cause, NoEndpoint)
    assert cause.reason == "absent"


def test_retry_after_is_heeded_while_the_deadline_lasts(
    web: Web, find: Found, connect: Callable[..., Client]
) -> None:
    (one,) = web(1, say=lambda instance, method, path: (503, {"Retry-After": "60"}, b""))
    told = Policy(retries=Retries(back_off=QUICK), timeouts=Timeouts(request=5.0))
    assert connect(find(told))("GET").status_code == 503
    assert len(one.asked) == 1


def test_a_silent_instance_is_left_for_another(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    slow, _ = web(2)
    hold = threading.Event()

    def hang(instance: Instance, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        hold.wait(20)
        return 200, {}, b"late"

    slow.say = hang
    terms = Policy(timeouts=Timeouts(idle=0.05), retries=Retries(back_off=QUICK, num_retries=2))
    client = connect(find(terms))
    assert {client("GET").text.split()[-1] for _ in range(10)} == {"/stock"}
    hold.set()


def test_a_slow_instance_is_left_for_another(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    slow, quick = web(2)
    over = threading.Event()

    def wait(instance: Instance, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        over.wait(20)
        return 200, {}, b""

    slow.say = wait
    told = Policy(retries=Retries(back_off=QUICK, per_try_timeout=0.3), timeouts=Timeouts(request=10.0))
    client = connect(find(told))
    assert {client("GET").text for _ in range(6)} == {f"{quick.port} GET /stock"}
    over.set()


def test_a_body_that_breaks_is_the_librarys_exception_and_no_success(
    web: Web, find: Found, connect: Callable[..., Client]
) -> None:
    web(1, say=lambda instance, method, path: (200, {"Content-Length": "5", "Connection": "close"}, b"12"))
    discovery = find(policy())
    client = connect(discovery)
    with pytest.raises(client.library.RemoteProtocolError):
        client("GET")
    peer = discovery.pick("web").peer
    assert peer is not None
    assert (peer.outstanding, peer.succeeded_at) == (0, float("-inf"))


def test_a_request_says_more_of_its_call(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    web(5)
    client = connect(find(Policy(balancer=Balancer(name="maglev", table_size=1009))))
    answers = {client("GET", extensions={"muster": {"key": "user 7"}}).text for _ in range(10)}
    assert len(answers) == 1
    keyed = connect(find(Policy(balancer=Balancer(name="maglev", table_size=1009))), key=lambda r: "user 7")
    assert {keyed("GET").text for _ in range(10)} == answers


def test_no_more_calls_than_the_policy_allows(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    web(1)
    discovery = find(Policy(limits=Limits(max_requests=1)))
    client = connect(discovery)
    with discovery.pick("web").attempt(), pytest.raises(client.library.ConnectError, match="under way"):
        client("GET")
    assert client("GET").status_code == 200


def test_without_budget_there_is_no_retry(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    instances = web(2, say=lambda instance, method, path: (503, {}, b""))
    client = connect(find(policy(budget=Budget(budget_percent=0, min_retry_concurrency=0))))
    assert client("GET").status_code == 503
    assert sum(len(instance.asked) for instance in instances) == 1


def test_nothing_is_under_way_when_all_is_read(web: Web, find: Found, connect: Callable[..., Client]) -> None:
    web(2, say=lambda instance, method, path: (503 if path == "/bad" else 200, {}, b"body"))
    discovery = find(policy())
    client = connect(discovery)
    for path in ("good", "bad", "good"):
        client("GET", f"http://web.svc/{path}")
    traffic = discovery.pick("web").ledger
    assert traffic is not None
    assert (traffic.memory.active, traffic.memory.retries) == (0, 0)
