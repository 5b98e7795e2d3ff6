"""Who may ask for what: hosts, origins, tokens, media types; on the hot path, on the cold one, and from the memo."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.httpapi.asking import Answer, Caller, Wire, head

from muster.httpapi.problems import NATIVE
from muster.model.errors import Rejected
from muster.server.settings import Settings
from muster.testing.server import FORGETFUL, LocalRegistry
from muster.web.access import Gate
from muster.web.message import Request

TOKEN = "a-token-of-an-operator"
OTHER = "another-token-that-is-known"
HOT, COLD = "/v1/services/web/instances", "/v1/services"
PATHS = [HOT, COLD, "/v1/status", "/metrics", "/livez", "/openapi.json", "/nowhere", "/v1/watch?service=web"]


# --- the Host header ---


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", ""])
def test_a_name_that_is_not_ours_is_refused_everywhere(wire: Wire, path: str, host: str) -> None:
    wire.send(head("GET", path, host=host))
    assert wire.answer().problem == (403, "host_not_allowed", None)


@pytest.mark.parametrize("path", [HOT, COLD])
@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8500", "127.0.0.1:1", "[::1]:8500", "10.1.2.3", "[fe80::1]"]
)
def test_loopback_names_and_bare_addresses_are_taken(wire: Wire, path: str, host: str) -> None:
    wire.send(head("GET", path, host=host))
    assert wire.answer().status in (200, 404)


@pytest.mark.parametrize("path", [HOT, COLD])
def test_no_host_and_two_hosts_are_refused(wire: Wire, path: str) -> None:
    wire.send(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    assert wire.answer().problem == (403, "host_not_allowed", None)
    wire.send(head("GET", path, "Host: localhost"))
    assert wire.answer().problem == (403, "host_not_allowed", None)


def test_configured_names_are_taken() -> None:
    settings = Settings(listen=FORGETFUL.listen, store="memory", allowed_hosts=("registry.example",))
    with LocalRegistry(settings) as registry, Wire(registry.host, registry.port) as wire:
        for host, status in (
            ("registry.example:8500", 200),
            ("Registry.Example", 200),
            ("other.example", 403),
        ):
            wire.send(head("GET", COLD, host=host))
            assert wire.answer().status == status


# --- the Origin header ---


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/register"),
        ("PUT", "/v1/heartbeat/x"),
        ("DELETE", "/v1/instances/x"),
        ("POST", "/v1/acks"),
    ],
)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
def test_a_page_of_another_origin_changes_nothing(
    caller: Caller, method: str, path: str, origin: str
) -> None:
    answer = caller.ask(method, path, None if method in ("PUT", "DELETE") else {}, origin=origin)
    assert answer.problem == (403, "origin_not_allowed", None)


def test_our_own_pages_may_and_any_page_may_read(registry: LocalRegistry, caller: Caller) -> None:
    own = f"http://{registry.host}:{registry.port}"
    assert caller.ask("PUT", "/v1/heartbeat/x", origin=own).status == 404
    assert caller.ask("GET", COLD, origin="https://evil.example").status == 200


# --- the media type ---


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
@pytest.mark.parametrize("path", ["/v1/register", "/v1/heartbeats", "/v1/acks", "/v1/instances/x/suspect"])
def test_a_body_must_say_that_it_is_json(caller: Caller, path: str, media: str) -> None:
    assert caller.ask("POST", path, b"{}", content_type=media).problem == (415, "media_type", None)


def test_a_charset_beside_it_is_fine(caller: Caller, name: str) -> None:
    body = {"service": name, "host": "10.0.0.1", "port": 1}
    assert (
        caller.ask("POST", "/v1/register", body, content_type="Application/JSON; charset=utf-8").status == 201
    )


# --- tokens ---


@pytest.fixture
def tokens_file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"# who may write\n{TOKEN}\n\n{OTHER}\n")
    return file


@pytest.fixture
def locked(tokens_file: Path) -> Iterator[Caller]:
    """A caller of a registry that asks for tokens."""
    settings = Settings(listen=FORGETFUL.listen, store="memory", tokens_file=tokens_file)
    with LocalRegistry(settings) as registry, Caller(registry.host, registry.port) as caller:
        yield caller


Ask = Callable[..., Answer]


def test_every_change_needs_a_token_and_reading_needs_none(locked: Caller) -> None:
    body = {"service": "web", "instance_id": "x", "host": "10.0.0.1", "port": 1}
    good = {"authorization": f"Bearer {TOKEN}"}
    changes = [
        ("POST", "/v1/register", body),
        ("PUT", "/v1/heartbeat/x", None),
        ("POST", "/v1/heartbeats", {"heartbeats": []}),
        ("PATCH", "/v1/instances/x", {"weight": 1}),
        ("POST", "/v1/instances/x/suspect", {}),
        ("POST", "/v1/acks", {"subscriber": "x", "services": {}}),
        ("POST", "/v1/instances/x/drain?wait=0s", None),
        ("DELETE", "/v1/instances/x", None),
    ]
    for method, path, told in changes:
        assert locked.ask(method, path, told).problem == (401, "token_required", None), path
        basic = locked.ask(method, path, told, authorization="Basic abc")
        assert basic.problem == (401, "token_required", None)
        assert basic.headers["www-authenticate"] == 'Bearer realm="muster"'
        wrong = locked.ask(method, path, told, authorization="Bearer not-a-known-token")
        assert wrong.problem == (403, "token_invalid", None)
        assert locked.ask(method, path, told, **good).status < 300, path
    for path in (HOT, COLD, "/v1/status", "/metrics"):
        assert locked.ask("GET", path).status in (200, 404)


def test_each_of_the_tokens_is_good(locked: Caller) -> None:
    for token in (TOKEN, OTHER):
        assert locked.ask("PUT", "/v1/heartbeat/x", authorization=f"bearer  {token} ").status == 404


def test_a_backup_needs_a_token_though_it_only_reads(locked: Caller) -> None:
    assert locked.ask("GET", "/v1/backup").problem == (401, "token_required", None)


def test_without_tokens_a_backup_is_for_the_machine_itself() -> None:
    gate = Gate([], lambda: None)
    for source, refused in (("127.0.0.1", False), ("::1", False), ("10.0.0.9", True)):
        connection = Asking(source)
        request = Request("GET", "/v1/backup", b"", [(b"host", b"localhost")], b"", {}, connection)
        if refused:
            with pytest.raises(Rejected, match="own machine"):
                gate.check(request, NATIVE, guarded=True)
        else:
            gate.check(request, NATIVE, guarded=True)


class Asking:
    """A connection from `source`."""

    waiting = None

    def __init__(self, source: str) -> None:
        self.source = source
        self.peer = f"{source}:1"


def test_tokens_are_read_again_when_their_file_changes(locked: Caller, tokens_file: Path) -> None:
    def status() -> int:
        return locked.ask("PUT", "/v1/heartbeat/x", authorization=f"Bearer {TOKEN}").status

    assert status() == 404
    tokens_file.write_text("short\n")  # cannot be used: what was known stays
    tokens_file.write_text(f"{OTHER}\n")
    while status() != 403:
        threading.Event().wait(0.02)
    assert locked.ask("PUT", "/v1/heartbeat/x", authorization=f"Bearer {OTHER}").status == 404
