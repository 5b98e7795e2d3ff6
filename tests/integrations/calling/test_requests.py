"""requests, over real sockets."""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
import requests  # noqa: TID251 - what is tested
import trustme
import urllib3
from tests.integrations.calling.conftest import Found, Web
from tests.integrations.calling.instances import closed_port, hello
from tests.integrations.calling.test_transports import policy

from muster.client import Discovery, NoEndpoint
from muster.integrations.requests import Adapter
from muster.model.policy import Policy
from muster.model.resilience import Retries, Timeouts
from muster.testing import FakeRegistry

URL = "http+svc://web/stock"
Open = Callable[..., requests.Session]


@pytest.fixture
def session() -> Iterator[Open]:
    with ExitStack() as stack:

        def start(discovery: Discovery, **options: Any) -> requests.Session:
            opened = stack.enter_context(requests.Session())
            for prefix in ("http+svc://", "https+svc://", "http://web.svc"):
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


@pytest.mark.parametrize("url", [URL, "http://web.svc/stock"])
@pytest.mark.parametrize("location", ["/new?a=1", "new?a=1", "//{host}/new?a=1", "http://{host}/new?a=1"])
def test_a_redirect_to_the_service_itself_is_followed(
    web: Web, find: Found, session: Open, url: str, location: str
) -> None:
    there = location.format(host="web.svc" if "web.svc" in url else "web")
    web(
        3,
        say=lambda one, method, path: (
            (302, {"Location": there}, b"") if path == "/stock" else hello(one, method, path)
        ),
    )
    answer = session(find()).get(url)
    assert (answer.url, answer.text.split()[1:]) == (url.replace("stock", "new?a=1"), ["GET", "/new?a=1"])


@pytest.mark.parametrize("location", ["http://web:81/x", "https://web/x", "http://elsewhere/x"])
def test_any_other_leads_where_it_says(web: Web, find: Found, session: Open, location: str) -> None:
    web(1, say=lambda one, method, path: (302, {"Location": location}, b""))
    answer = session(find()).get(URL, allow_redirects=False)
    assert answer.headers["Location"] == location


@pytest.mark.parametrize("timeout", ["3", (1, 2, 3), (1, "2"), urllib3.Timeout(3)])
def test_what_is_no_timeout_says_so(web: Web, find: Found, session: Open, timeout: Any) -> None:
    web(1)
    with pytest.raises(ValueError, match=r"timeout is a number of seconds or \(connect, read\)"):
        session(find()).get(URL, timeout=timeout)


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


def test_a_silent_instance_is_left_for_another(web: Web, find: Found, session: Open) -> None:
    silent, _ = web(2)
    hold = threading.Event()
    silent.say = lambda instance, method, path: (200, {}, b"late" if hold.wait(20) else b"never")
    opened = session(find(Policy(timeouts=Timeouts(idle=0.05), retries=Retries(num_retries=2))))
    assert {opened.get(URL).text.split()[-1] for _ in range(10)} == {"/stock"}
    hold.set()


def test_nobody_to_call_is_a_connection_error_that_says_why(find: Found, session: Open) -> None:
    with pytest.raises(requests.ConnectionError, match="no instance of this name") as caught:
        session(find()).get(URL)
    assert isinstance(caught.value.__cause__, NoEndpoint)


class Untrue:
    """A TLS server that begins to answer, and then breaks the answer's encryption. `asked`: how many requests it has read."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.asked = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1", "web").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                with (
                    suppress(OSError),
                    socket.socket(fileno=os.dup(raw.fileno())) as beneath,
                    self._context.wrap_socket(raw, server_side=True) as sock,
                ):
                    request = b""
                    while not request.endswith(b"order") and (part := sock.recv(65536)):
                        request += part
                    self.asked += 1
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
                    beneath.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))  # a record that nobody encrypted


@pytest.fixture
def untrue(registry: FakeRegistry) -> Iterator[Untrue]:
    with closing(Untrue()) as server:
        for name in ("one", "other"):
            registry.add("web", port=server.port, id=name)
        yield server


def post(session: requests.Session, **options: Any) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        session.post("https+svc://web/", data=b"order", **options)


def test_whoever_is_not_trusted_was_sent_nothing_and_another_is_tried(
    untrue: Untrue, find: Found, session: Open
) -> None:
    discovery = find(policy(num_retries=1))
    post(session(discovery))
    assert discovery.status().services["web"].calls[""].attempts == 2
    assert untrue.asked == 0


def test_an_answer_whose_encryption_breaks_may_have_been_meant(
    untrue: Untrue, find: Found, session: Open, tmp_path: Path
) -> None:
    """It was sent once, and is not sent again."""
    untrue.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    post(session(find(policy(num_retries=1))), verify=str(tmp_path / "ca.pem"))
    assert untrue.asked == 1


def test_nothing_is_under_way_afterwards(web: Web, find: Found, session: Open) -> None:
    web(2, say=lambda instance, method, path: (503 if path == "/bad" else 200, {}, b"body"))
    discovery = find(policy())
    opened = session(discovery)
    for path in ("good", "bad", "good"):
        opened.get(f"http+svc://web/{path}")
    traffic = discovery.pick("web").ledger
    assert traffic is not None
    assert (traffic.memory.active, traffic.memory.retries) == (0, 0)
