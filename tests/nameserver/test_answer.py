"""Packets: what fits, what is left out, what comes first."""

from collections import Counter

import dns.flags
import pytest
from tests.nameserver.scene import TTL_S, Scene, opened, owners, question, texts

NAME = "web.service.consul"


def hosts(count: int) -> list[str]:
    return [f"10.0.{number // 200}.{number % 200 + 1}" for number in range(count)]


@pytest.mark.parametrize(("payload", "room"), [(None, 512), (0, 512), (512, 512), (700, 700), (4096, 1232)])
@pytest.mark.parametrize("kind", ["A", "SRV"])
async def test_an_answer_over_udp_is_as_long_as_asked_for(
    scene: Scene, kind: str, payload: int | None, room: int
) -> None:
    await scene.web(*hosts(100))
    edns = {"use_edns": False} if payload is None else {"payload": payload}
    query = question(NAME, kind, **edns)
    wire = scene.nameserver.responder.datagram(query.to_wire())
    told = scene.datagram(query)
    longest = max(len(rrset[0].to_text()) for rrset in told.answer) + 40
    assert wire is not None
    assert room - longest < len(wire) <= room
    assert told.flags & dns.flags.TC
    assert not told.additional


async def test_over_tcp_there_is_room_for_all(scene: Scene) -> None:
    await scene.web(*hosts(500))
    for kind in ("A", "SRV"):
        told = scene.message(question(NAME, kind))
        assert len(told.answer) == 500
        assert not told.flags & dns.flags.TC
    assert sorted(texts(told.additional)) == sorted(hosts(500))  # some of them beyond the reach of a pointer


async def test_missing_glue_is_no_reason_to_come_again(scene: Scene) -> None:
    """RFC 2181 section 9."""
    await scene.web(*hosts(9))
    told = scene.datagram(question(NAME, "SRV", use_edns=False))
    assert not told.flags & dns.flags.TC
    assert (len(told.answer), len(told.additional)) == (9, 5)


async def test_everybody_is_first_equally_often(scene: Scene) -> None:
    for count in (3, 16, 40):
        await scene.web(*hosts(count))
        for kind in ("A", "SRV"):
            first = Counter(
                scene.ask("web.service.consul", kind).answer[0][0].to_text() for _ in range(2 * count)
            )
            assert set(first.values()) == {2}, (count, kind)
            assert len(first) == count


async def test_records_have_the_ttl_of_the_settings(scene: Scene) -> None:
    await scene.web("10.0.0.1")
    told = scene.ask(NAME, "SRV")
    assert {rrset.ttl for rrset in (*told.answer, *told.additional)} == {TTL_S}
    assert told.flags & dns.flags.AA


@pytest.mark.parametrize("name", ["nope.service.consul", "service.consul"])
async def test_a_negative_answer_has_the_soa_of_its_zone(scene: Scene, name: str) -> None:
    """RFC 2308: it may be kept for the lesser of the SOA's TTL and its minimum."""
    told = scene.ask(name)
    assert owners(told.authority) == ["consul."]
    assert (told.authority[0].ttl, told.authority[0][0].minimum) == (TTL_S, TTL_S)


async def test_a_negative_answer_fits_without_edns(scene: Scene) -> None:
    name = ".".join(["a" * 60] * 3 + ["default.svc.muster.internal"])
    told = scene.datagram(question(name, use_edns=False))
    assert owners(told.authority) == ["muster.internal."]


async def test_a_registry_that_forgot_does_not_say_that_there_is_nothing() -> None:
    async with opened(settled=False) as scene:
        told = scene.ask("web.service.consul")
        assert [option.to_text() for option in told.options] == ["EDE 14 (Not Ready)"]
        assert scene.code("web.service.consul") == "SERVFAIL"
        assert scene.code("example.com.default.svc.cluster.local") == "NXDOMAIN"  # what search lists ask for
        assert scene.code("example.com.svc.cluster.local") == "NXDOMAIN"
        await scene.web("10.0.0.1")
        assert scene.records("web.service.consul") == ["10.0.0.1"]


@pytest.mark.parametrize(("address", "found"), [("0.0.0.0", []), ("::", []), ("::1", ["::1"])])
async def test_where_it_listens_everywhere_it_names_no_address(address: str, found: list[str]) -> None:
    async with opened(address=address) as scene:
        assert scene.records("ns.consul", "AAAA") == found
        assert texts(scene.ask("consul", "NS").additional) == found
