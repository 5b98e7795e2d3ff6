"""Servers that answer whatever comes to their mind."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from tests.cli.terminal import muster
from tests.httpapi.asking import Caller

from muster.cli.moving.foreign import Away, Foreign
from muster.cli.moving.url import parse
from muster.testing.server import LocalRegistry

Answer = Callable[[socket.socket], None]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """host:port of a server that lets `answer` have each connection, once it has been asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.recv(65_536)
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(30.0)


def told(body: bytes, status: str = "200 OK", *fields: str) -> Answer:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", "")).encode()
    return lambda connection: connection.sendall(head + body)


def endless(beginning: bytes, piece: bytes, pause: float = 0.0) -> Answer:
    """Until the other side has had enough."""

    def answer(connection: socket.socket) -> None:
        waiting = threading.Event()
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)
            waiting.wait(pause)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS: dict[str, Answer] = {
    "nothing": lambda connection: None,
    "garbage": lambda connection: connection.sendall(os.urandom(1_000)),
    "html": told(b"<html><body>Welcome to nginx!</body></html>"),
    "no UTF-8": told(b'{"\xff": []}'),
    "another JSON": told(b"[[1, 2], null]"),
    "deep JSON": told(b'{"applications": {"application": {"name": "a", "instance": {"a": ' + b"[" * 100_000),
    "an error": told(b"\x1b[31mno\r\n" * 1_000, "500 Oh"),
    "a redirect": told(b"", "301 Moved", "Location: http://127.0.0.1:1/"),
    "not found": told(b"{}", "404 Not Found"),
    "too short": lambda connection: connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{}"),
    "no gzip": told(b"{}", "200 OK", "Content-Encoding: gzip"),
    "a bomb": told(gzip.compress(bytes(100_000_000)), "200 OK", "Content-Encoding: gzip"),
    "headers": endless(HEAD, b"X-A: b\r\n"),
    "a body": endless(HEAD + b"\r\n", b"x" * 65_536),
}


@pytest.mark.parametrize("dialect", ["consul", "eureka"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_what_makes_no_sense_is_no_listing(dialect: str, kind: str) -> None:
    with answering(ANSWERS[kind]) as server, pytest.raises(Away):
        parse(f"{dialect}://{server}").read()


@pytest.mark.parametrize("beginning", [b"", HEAD, HEAD + b"Content-Length: 1000000\r\n\r\n"])
def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(beginning: bytes) -> None:
    drip = endless(beginning, b"x", pause=0.05)
    with answering(drip) as server, pytest.raises(Away, match="no whole answer within"):
        Foreign(urlsplit(f"http://{server}"), within=0.5).get("/")


@pytest.mark.parametrize("url", [f"consul://{'a' * 64}", "consul://a..b", "consul://[::1%25nope]:1"])
def test_a_host_that_cannot_be_is_away(url: str) -> None:
    with pytest.raises(Away):
        parse(url).read()


def test_nothing_leaves_while_the_source_talks_nonsense(capsys: pytest.CaptureFixture[str]) -> None:
    with LocalRegistry() as new, Caller(new.host, new.port) as here:
        here.register("web", "own")
        for kind in ("html", "deep JSON", "an error"):
            with answering(ANSWERS[kind]) as server:
                ran = muster(capsys, "follow", f"eureka://{server}", "--once", "--url", new.url)
                assert (ran.code, "\x1b" in ran.err) == (3, False)
        assert here.look("web").ids == ["own"]


def test_a_registry_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with LocalRegistry() as old, answering(ANSWERS["html"]) as server:
        url = f"consul://{old.host}:{old.port}"
        ran = muster(capsys, "follow", url, "--once", "--url", f"http://{server}")
    assert (ran.code, "does not answer as a registry" in ran.err.replace("\n", " ")) == (3, True), ran.err


@pytest.mark.parametrize("option", [(), ("--compare",)])
def test_it_ends_when_it_is_asked_to_though_the_source_is_slow(option: tuple[str, ...]) -> None:
    asked = threading.Event()

    def slow(connection: socket.socket) -> None:
        asked.set()
        connection.recv(1)  # until it goes

    with LocalRegistry() as new, answering(slow) as server:
        words = [sys.executable, "-m", "muster", "follow", f"consul://{server}", "--url", new.url, *option]
        process = subprocess.Popen(words, stderr=subprocess.PIPE)
        try:
            assert asked.wait(30.0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(8.0) == (11 if option else 0), process.communicate()
        finally:
            process.kill()
            process.communicate()
