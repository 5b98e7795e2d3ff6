"""TLS around a conversation: whose certificates pass, and what is said of the others."""

import ssl
from pathlib import Path

import pytest
import trustme
from tests.probe.asking import found, http, tcp
from tests.probe.instances import instance, leaves, mute, ok, pours

from muster.model.check import Answer
from muster.probe import Probes, TlsContexts
from muster.registry.prober import Finding, Tls

NAME = "orders.test"
BLIND = Tls(verify=False)


@pytest.fixture
async def trusting(authority: trustme.CA, tmp_path: Path) -> Probes:
    """Probes that trust our authority in place of the system's."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return Probes(allow_loopback=True, tls=TlsContexts(str(file)))


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def asked(probes: Probes, server: ssl.SSLContext, tls: Tls) -> Finding:
    async with instance(ok(b"all is well"), server) as port:
        return await probes.probe(http(port, tls=tls, expect_body="well"))


@pytest.mark.parametrize("tls", [Tls(), Tls(server_name=NAME), BLIND])
async def test_a_trusted_certificate_passes(trusting: Probes, authority: trustme.CA, tls: Tls) -> None:
    finding = await asked(trusting, certified(authority, "127.0.0.1", NAME), tls)
    assert finding == found(Answer.ANSWERED, "HTTP 200, body as expected")


async def test_a_certificate_for_another_name_fails(trusting: Probes, authority: trustme.CA) -> None:
    finding = await asked(trusting, certified(authority, "other.test"), Tls(server_name=NAME))
    assert finding.answer is Answer.FAILED
    assert finding.detail.startswith("TLS: certificate not accepted: Hostname mismatch")


async def test_a_certificate_for_another_address_fails(trusting: Probes, authority: trustme.CA) -> None:
    finding = await asked(trusting, certified(authority, NAME), Tls())
    assert finding.answer is Answer.FAILED
    assert finding.detail.startswith("TLS: certificate not accepted: IP address mismatch")


async def test_a_certificate_nobody_vouches_for_fails(probes: Probes, authority: trustme.CA) -> None:
    finding = await asked(probes, certified(authority, "127.0.0.1"), Tls())
    assert finding.answer is Answer.FAILED
    assert finding.detail.startswith("TLS: certificate not accepted: unable to get")


@pytest.mark.parametrize("tls", [BLIND, Tls(verify=False, server_name=NAME)])
async def test_unverified_any_certificate_passes(probes: Probes, authority: trustme.CA, tls: Tls) -> None:
    finding = await asked(probes, certified(authority, "other.test"), tls)
    assert finding == found(Answer.ANSWERED, "HTTP 200, body as expected")


async def test_the_server_name_is_sent(probes: Probes, authority: trustme.CA) -> None:
    server = certified(authority, NAME)
    names: list[str | None] = []
    server.sni_callback = lambda tls, name, context: names.append(name)
    await asked(probes, server, Tls(verify=False, server_name=NAME))
    await asked(probes, server, BLIND)
    assert names == [NAME, None]  # RFC 6066 3: addresses are not sent


async def test_tcp_with_tls_passes_after_the_handshake(probes: Probes, authority: trustme.CA) -> None:
    async with instance(mute, certified(authority, NAME)) as port:
        assert await probes.probe(tcp(port, tls=BLIND)) == found(Answer.ANSWERED, "connected")


async def test_a_server_without_tls_fails(probes: Probes) -> None:
    async with instance(pours(b"HTTP/1.1 400 Bad Request\r\n\r\n", b"x" * 1024)) as port:
        finding = await probes.probe(http(port, tls=BLIND))
    assert finding.answer is Answer.FAILED
    assert finding.detail.startswith("TLS: ")


async def test_hanging_up_during_the_handshake_fails(probes: Probes) -> None:
    async with instance(leaves) as port:
        finding = await probes.probe(tcp(port, tls=BLIND))
    assert finding.answer is Answer.FAILED


async def test_silence_during_the_handshake_is_silence(probes: Probes) -> None:
    async with instance(mute) as port:
        finding = await probes.probe(tcp(port, tls=BLIND, timeout=0.2))
    assert finding == found(Answer.SILENT, "connected, but not a byte within 0.2 s")


async def test_hanging_up_in_place_of_an_answer_fails(probes: Probes, authority: trustme.CA) -> None:
    async with instance(leaves, certified(authority, NAME)) as port:
        finding = await probes.probe(http(port, tls=BLIND))
    assert finding == found(Answer.FAILED, "closed the connection without an HTTP answer")


@pytest.mark.parametrize("name", [".test", "a" * 300, "x\x00y"])
async def test_a_server_name_that_is_none_fails(probes: Probes, name: str) -> None:
    async with instance(mute) as port:
        finding = await probes.probe(tcp(port, tls=Tls(server_name=name)))
    assert finding.answer is Answer.FAILED
    assert finding.detail.startswith("cannot be asked: ")


def test_contexts_are_made_once(authority: trustme.CA) -> None:
    contexts = TlsContexts()
    assert contexts.get(verify=False, alpn="h2") is contexts.get(verify=False, alpn="h2")
    assert contexts.get(verify=False, alpn="h2") is not contexts.get(verify=False, alpn="http/1.1")
