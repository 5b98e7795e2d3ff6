"""TLS by certificate files: all of the API under it, and certificates read again when they change."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.httpapi.asking import Caller, Wire, head
from tests.httpapi.conftest import beat
from tests.httpapi.streaming import Stream

from muster.model import limits
from muster.server.settings import Settings, Tls
from muster.testing.server import FORGETFUL, LocalRegistry
from muster.wire.events import GoAwayEvent, SnapshotEvent, UpsertEvent


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    write(authority, folder)
    return folder


def write(authority: trustme.CA, folder: Path) -> None:
    """A new certificate for localhost."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def secure(files: Path) -> Iterator[LocalRegistry]:
    tls = Tls(cert=files / "cert.pem", key=files / "key.pem")
    with LocalRegistry(Settings(listen=FORGETFUL.listen, store="memory", tls=tls)) as registry:
        yield registry


def test_hot_cold_and_memorized_requests(secure: LocalRegistry, trusting: ssl.SSLContext) -> None:
    assert secure.url.startswith("https://")
    with Caller(secure.host, secure.port, trusting) as caller:
        caller.register("web", "web-1")
        for _ in range(3):
            assert caller.look("web").ids == ["web-1"]
            assert caller.ask("GET", "/v1/services").status == 200
            assert caller.ask("PUT", "/v1/heartbeat/web-1").status == 204


def test_many_requests_in_one_record(secure: LocalRegistry, trusting: ssl.SSLContext) -> None:
    with Wire(secure.host, secure.port, trusting) as wire:
        wire.send(head("GET", "/livez") * 50)
        assert [wire.answer().status for _ in range(50)] == [200] * 50


def test_a_refusal_is_read_to_its_end(secure: LocalRegistry, trusting: ssl.SSLContext) -> None:
    with Wire(secure.host, secure.port, trusting) as wire:
        wire.send(b"nonsense\r\n\r\n")
        assert wire.answer().problem == (400, "invalid_request", None)
        assert wire.rest() == b""


def test_a_stream(secure: LocalRegistry, trusting: ssl.SSLContext) -> None:
    wire = Wire(secure.host, secure.port, trusting)
    with (
        Caller(secure.host, secure.port, trusting) as caller,
        Stream(secure.host, secure.port, "/v1/watch?service=web", connect=lambda *_: wire.socket) as stream,
    ):
        assert isinstance(stream.next(), SnapshotEvent)
        for n in range(600):
            caller.register("web", f"web-{n}", metadata={"k": "v" * 400})
        stream.until(UpsertEvent, lambda event: event.instances[-1].instance_id == "web-599")
        stream.beat = lambda: secure.do(beat)
        assert stream.alive().digest == stream.copy.digest
        secure.do(lambda running: running.listener.streams()[0].go_away("test"))
        stream.until(GoAwayEvent)
        assert stream.to_the_end() == []


def test_new_handshakes_get_the_new_certificate_and_open_connections_stay(
    secure: LocalRegistry, trusting: ssl.SSLContext, authority: trustme.CA, files: Path
) -> None:
    with Caller(secure.host, secure.port, trusting) as open_:
        assert open_.ask("GET", "/livez").status == 200
        before = certificate(secure, trusting)
        write(authority, files)
        while certificate(secure, trusting) == before:
            threading.Event().wait(0.05)
        assert open_.ask("GET", "/livez").status == 200


def certificate(registry: LocalRegistry, trusting: ssl.SSLContext) -> bytes | None:
    """The one that a new connection is shown."""
    with Wire(registry.host, registry.port, trusting) as wire:
        assert isinstance(wire.socket, ssl.SSLSocket)
        return wire.socket.getpeercert(binary_form=True)


@pytest.mark.slow
def test_who_connects_and_says_nothing_is_dropped(secure: LocalRegistry) -> None:
    with socket.create_connection((secure.host, secure.port), timeout=4 * limits.TLS_HANDSHAKE_S) as silent:
        assert silent.recv(1) == b""


def test_plain_http_is_not_answered(secure: LocalRegistry) -> None:
    with (
        Caller(secure.host, secure.port) as caller,
        pytest.raises((ConnectionError, http.client.HTTPException)),
    ):
        caller.ask("GET", "/livez")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_protocols_are_refused(secure: LocalRegistry, trusting: ssl.SSLContext) -> None:
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Wire(secure.host, secure.port, old)
