"""Probes against real servers on loopback: what each manner of answering is called."""

import threading
from collections.abc import Callable

import pytest
from tests.probe.asking import found, grpc, http, tcp
from tests.probe.instances import (
    Manner,
    answers,
    drips,
    instance,
    leaves,
    mute,
    nobody,
    ok,
    pours,
    resets,
    unreachable,
)

from muster.model.check import Answer
from muster.probe import Probes
from muster.registry.prober import Target

SOON = 0.2
"""A time-out that is meant to run out; what is meant to be answered has ten seconds."""


async def test_tcp_is_answered_by_whoever_listens(probes: Probes) -> None:
    async with instance(mute) as port:
        finding = await probes.probe(tcp(port))
    assert (finding.answer, finding.detail) == (Answer.ANSWERED, "connected")
    assert 0 < finding.latency < 10


@pytest.mark.parametrize("ask", [tcp, http, grpc])
async def test_a_port_nobody_listens_on_refuses(probes: Probes, ask: Callable[[int], Target]) -> None:
    with nobody() as port:
        assert await probes.probe(ask(port)) == found(Answer.REFUSED, "connection refused")


async def test_a_host_no_packet_comes_back_from_is_silent(probes: Probes) -> None:
    with unreachable() as port:
        finding = await probes.probe(tcp(port, timeout=SOON))
    assert (finding.answer, finding.detail) == (Answer.SILENT, "no connection within 0.2 s")


async def test_http_passes_on_a_good_status(probes: Probes) -> None:
    async with instance(ok()) as port:
        assert await probes.probe(http(port)) == found(Answer.ANSWERED, "HTTP 200")


async def test_http_passes_on_the_expected_text(probes: Probes) -> None:
    async with instance(ok(b"all is well")) as port:
        finding = await probes.probe(http(port, expect_body="is well"))
    assert finding == found(Answer.ANSWERED, "HTTP 200, body as expected")


@pytest.mark.parametrize(
    ("manner", "answer", "detail"),
    [
        (ok(status="503 Service Unavailable"), Answer.FAILED, "HTTP 503"),
        (ok(status="429 Too Many Requests"), Answer.WARNED, "HTTP 429"),
        (ok(status="302 Found"), Answer.FAILED, "HTTP 302"),
        (leaves, Answer.FAILED, "closed the connection without an HTTP answer"),
        (resets, Answer.FAILED, "connected, then: connection reset by peer"),
        (answers(b"\x16\x03\x01 what?\r\n\r\n"), Answer.FAILED, "not an HTTP answer: "),
        (answers(b"SSH-2.0-OpenSSH_9.2\r\n"), Answer.FAILED, "not an HTTP answer: "),
    ],
)
async def test_http_says_what_was_wrong(probes: Probes, manner: Manner, answer: Answer, detail: str) -> None:
    async with instance(manner) as port:
        finding = await probes.probe(http(port))
    assert finding.answer is answer
    assert finding.detail.startswith(detail)


async def test_a_redirect_is_not_followed(probes: Probes) -> None:
    heard: list[bytes] = []
    async with instance(answers(b"HTTP/1.1 200 OK\r\n\r\n", heard)) as elsewhere:
        location = (
            f"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
        )
        async with instance(answers(location.encode())) as port:
            finding = await probes.probe(http(port))
    assert finding == found(Answer.FAILED, "HTTP 301")
    assert not heard


async def test_accepting_and_saying_nothing_is_silence(probes: Probes) -> None:
    async with instance(mute) as port:
        finding = await probes.probe(http(port, timeout=SOON))
    assert finding == found(Answer.SILENT, "connected, but not a byte within 0.2 s")


async def test_an_answer_that_drips_is_cut_off_at_the_deadline(probes: Probes) -> None:
    async with instance(drips(b"HTTP/1.1 200 OK\r\nX-Slow: yes\r\n\r\n")) as port:
        finding = await probes.probe(http(port, timeout=SOON))
    assert finding == found(Answer.FAILED, "answer not complete within 0.2 s")


async def test_of_an_endless_body_only_the_first_64_kib_are_read(probes: Probes) -> None:
    gigabyte = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
    async with instance(pours(gigabyte, b"x" * 65_536)) as port:
        assert await probes.probe(http(port)) == found(Answer.ANSWERED, "HTTP 200")
        finding = await probes.probe(http(port, expect_body="needle"))
    assert finding == found(Answer.FAILED, "HTTP 200, but the expected text is not in the first 65536 bytes")


async def test_endless_headers_are_cut_off(probes: Probes) -> None:
    async with instance(pours(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100)) as port:
        assert await probes.probe(http(port)) == found(Answer.FAILED, "headers over 16384 bytes")


async def test_the_request_is_what_was_asked_for(probes: Probes) -> None:
    heard: list[bytes] = []
    target = {
        "path": "/ready?full=1",
        "method": "HEAD",
        "headers": (("Host", "orders.test"), ("X-Check-Id", "7")),
    }
    async with instance(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", heard)) as port:
        assert (await probes.probe(http(port, **target))).answer is Answer.ANSWERED
    request = (
        b"HEAD /ready?full=1 HTTP/1.1\r\nhost: orders.test\r\nuser-agent: muster-probe\r\naccept: */*\r\n"
        b"accept-encoding: identity\r\nconnection: close\r\nx-check-id: 7\r\n\r\n"
    )
    assert heard == [request]


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": (("Authorization", "Bearer x"),)},
        {"headers": (("X-Check", "a\r\nHost: b"),)},
        {"path": "/ HTTP/1.1\r\nHost: b"},
    ],
)
async def test_a_target_that_breaks_the_rules_sends_nothing(probes: Probes, wrong: dict[str, object]) -> None:
    heard: list[bytes] = []
    async with instance(answers(b"HTTP/1.1 200 OK\r\n\r\n", heard)) as port:
        assert (await probes.probe(http(port, **wrong))).answer is Answer.FAILED
    assert not heard


async def test_a_server_of_another_protocol_fails_a_grpc_check(probes: Probes) -> None:
    async with instance(answers(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) as port:
        finding = await probes.probe(grpc(port))
    assert finding == found(Answer.FAILED, "does not speak HTTP/2")


async def test_without_leave_loopback_is_never_probed() -> None:
    probes = Probes(allow_loopback=False)
    heard: list[bytes] = []
    async with instance(answers(b"HTTP/1.1 200 OK\r\n\r\n", heard)) as port:
        for host in ("127.0.0.1", "::ffff:127.0.0.1", "localhost", "0177.0.0.1"):
            finding = await probes.probe(http(port, host=host))
            assert finding.answer is Answer.FAILED, host
            assert finding.detail.endswith("is loopback, and never probed"), host
    assert not heard
    probes.close()


async def test_the_address_that_was_judged_is_the_one_connected_to() -> None:
    """A name that answers differently the second time is asked only once."""
    answers_to_come = [["127.0.0.1"], ["169.254.169.254"]]
    probes = Probes(allow_loopback=True, lookup=lambda name: answers_to_come.pop(0))
    async with instance(ok()) as port:
        assert (await probes.probe(http(port, host="rebinding.test"))).answer is Answer.ANSWERED
        assert await probes.probe(http(port, host="rebinding.test")) == found(
            Answer.FAILED, "169.254.169.254 is link-local, and never probed"
        )
    probes.close()


async def test_of_several_addresses_the_next_is_tried_when_one_refuses() -> None:
    probes = Probes(allow_loopback=True, lookup=lambda name: ["169.254.1.1", "127.0.0.2", "127.0.0.1"])
    async with instance(ok()) as port:
        assert (await probes.probe(http(port, host="orders.test"))).answer is Answer.ANSWERED
    with nobody() as port:
        assert (await probes.probe(http(port, host="orders.test"))).answer is Answer.REFUSED
    probes.close()


async def test_a_name_that_does_not_resolve_is_silent() -> None:
    def unknown(name: str) -> list[str]:
        raise OSError(-2, "Name or service not known")

    probes = Probes(allow_loopback=True, lookup=unknown)
    finding = await probes.probe(tcp(1, host="orders.test"))
    assert finding == found(Answer.SILENT, "name does not resolve: Name or service not known")
    probes.close()


async def test_the_deadline_includes_the_look_up() -> None:
    release = threading.Event()
    probes = Probes(allow_loopback=True, lookup=lambda name: ["127.0.0.1"] if release.wait(10) else [])
    finding = await probes.probe(tcp(1, host="slow.test", timeout=SOON))
    release.set()
    assert finding == found(Answer.SILENT, "the name's look-up took more than 0.2 s")
    probes.close()


async def test_what_an_instance_says_is_made_printable_and_cut(probes: Probes) -> None:
    async with instance(answers(b"HTTP/1.1 2\x1b[31m \r\n\r\n")) as port:
        finding = await probes.probe(http(port))
    assert finding.detail.isprintable()
    assert len(finding.detail) <= 512
