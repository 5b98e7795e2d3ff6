"""requests, over real sockets."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests  # noqa: TID251 - what is tested
from tests.integrations.calling.conftest import Found, Web
from tests.integrations.calling.instances import closed_port
from tests.integrations.calling.test_transports import policy

from muster.client import Discovery, NoEndpoint
from muster.integrations.requests import Adapter
from muster.testing import FakeRegistry

URL = "http+svc://web/stock"
Open = Callable[..., requests.Session]


@pytest.fixture
def session() -> Iterator[Open]:
    with ExitStack() as stack:

        def start(discovery: Discovery, **options: Any) -> requests.Session:
            opened = stack.enter_context(requests.Session())
            for prefix in ("http+svc://", "http://web.svc"):
                opened.mount(prefix, Adapter(discovery, **options))
            return opened

        yield start


@pytest.mark.parametrize(("url", "host"), [(URL, "web"), ("http://web.svc/stock", "web.svc")])
def test_a_service_is_called_by_its_name(web: Web, find: Found, session: Open, url: str, host: str) -> None:
    (one,) = web(1)
    answer = session(find()).get(url, params={"n": 1})
    assert (answer.status_code, answer.text) == (200, f"{one.port} GET /stock?n=1")
    assert one.asked == [("GET", "/stock?n=1", host, b"")]
    assert answer.url == f"{url}?n=1"


def test_a_dead_instance_costs_no_call(registry: FakeRegistry, web: Web, find: Found, session: Open) -> None:
    registry.add("web", port=closed_port(), id="dead")
    web(2)
    discovery = find(policy())
    opened = session(discovery)
    assert [opened.post(URL, data=b"order").status_code for _ in range(20)] == [200] * 20
    registry.wait(lambda: any(seen.path.endswith("dead/suspect") for seen in registry.requests))
    assert "dead" not in {discovery.pick("web").id for _ in range(50)}


def test_another_instance_is_tried_and_only_if_that_is_safe(web: Web, find: Found, session: Open) -> None:
    instances = web(3, say=lambda instance, method, path: (503, {}, b"busy"))
    opened = session(find(policy()))
    assert opened.get(URL).status_code == 503
    assert [len(instance.asked) for instance in instances] == [1, 1, 1]
    assert opened.post(URL, data=b"order").status_code == 503
    assert sum(len(instance.asked) for instance in instances) == 4


def test_a_connection_that_breaks_is_tried_elsewhere(web: Web, find: Found, session: Open) -> None:
    broken, _ = web(2)
    broken.say = lambda instance, method, path: (0, {}, b"")
    opened = session(find(policy()))
    assert [opened.get(URL).status_code for _ in range(20)] == [200] * 20


def test_nobody_to_call_is_a_connection_error_that_says_why(find: Found, session: Open) -> None:
    with pytest.raises(requests.ConnectionError, match="no instance of this name") as caught:
        session(find()).get(URL)
    assert isinstance(caught.value.__cause__, NoEndpoint)


def test_nothing_is_under_way_afterwards(web: Web, find: Found, session: Open) -> None:
    web(2, say=lambda instance, method, path: (503 if path == "/bad" else 200, {}, b"body"))
    discovery = find(policy())
    opened = session(discovery)
    for path in ("good", "bad", "good"):
        opened.get(f"http+svc://web/{path}")
    traffic = discovery.pick("web").ledger
    assert traffic is not None
    assert (traffic.memory.active, traffic.memory.retries) == (0, 0)
