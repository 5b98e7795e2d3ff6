"""Every failure has an exit code of its own kind, and says what to do next."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.cli.terminal import muster

from muster.cli.exits import MEANING, Exit, of_problem
from muster.cli.failures import unreachable
from muster.model.errors import CODES
from muster.testing import FakeRegistry

Capsys = pytest.CaptureFixture[str]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_there(capsys: Capsys) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    ran = muster(capsys, "services", "--url", url)
    assert ran.code == Exit.UNREACHABLE
    assert f"no registry answers at {url}" in ran.err
    assert "muster serve" in ran.err
    assert "MUSTER_URL" in ran.err


@pytest.mark.parametrize(
    ("happened", "advice"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", "--ca-file"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "http://"),
        ("Remote end closed connection without response", "https://"),
        ("[Errno 111] Connection refused", "muster serve"),
    ],
)
def test_what_happened_is_a_clue(happened: str, advice: str) -> None:
    assert advice in unreachable({"URL": happened}).advice


@pytest.mark.parametrize("status", [200, 404])
def test_something_else_there(capsys: Capsys, status: int) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<h1>hello</h1>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        ran = muster(capsys, "services", "--url", f"http://127.0.0.1:{server.server_port}")
    assert ran.code == Exit.UNREACHABLE
    assert "the address of a Muster registry?" in ran.err


@pytest.mark.parametrize(
    ("code", "exit_code", "advice"),
    [
        ("token_required", Exit.DENIED, "--token-file"),
        ("not_owner", Exit.DENIED, "--owner-secret-file"),
        ("unknown_instance", Exit.UNKNOWN, "muster instances"),
        ("draining", Exit.REFUSED, ""),
        ("store_unavailable", Exit.UNAVAILABLE, "muster status"),
    ],
)
def test_refusals(capsys: Capsys, code: str, exit_code: Exit, advice: str) -> None:
    with FakeRegistry() as registry:
        registry.answer(CODES[code][0], code)
        ran = muster(capsys, "deregister", "web-1", "--url", registry.url)
    assert ran.code == exit_code
    assert advice in ran.err


def test_every_problem_has_an_exit_code() -> None:
    assert {of_problem(code) for code in CODES} <= set(MEANING)
    assert of_problem("newer_than_this_program", 503) == Exit.UNAVAILABLE


def test_a_url_that_is_none(capsys: Capsys) -> None:
    ran = muster(capsys, "services", "--url", "localhost:8500")
    assert ran.code == Exit.USAGE
    assert "http://127.0.0.1:8500" in ran.err


def test_a_token_file_that_is_not_there(capsys: Capsys) -> None:
    ran = muster(capsys, "deregister", "web-1", "--token-file", "/nonexistent/token")
    assert ran.code == Exit.FILE
    assert "/nonexistent/token: No such file or directory" in ran.err


def test_a_verb_that_is_not_there(capsys: Capsys) -> None:
    assert muster(capsys, "serv").code == Exit.USAGE


def test_help_lists_the_exit_codes(capsys: Capsys) -> None:
    told = muster(capsys, "help", "exit-codes").out
    assert [line.split()[0] for line in told.splitlines()[1 : len(MEANING) + 1]] == [
        str(int(code)) for code in MEANING
    ]
