"""What a query must be, and what it is told if it is not."""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest
from tests.nameserver.scene import Scene, question

from muster.nameserver.codes import FORMERR, NOTIMP
from muster.nameserver.query import Edns, Fault, Query, read

HEAD = struct.Struct("!HHHHHH")
WEB = b"\3web\7service\6consul\0"
QUESTION = WEB + b"\0\1\0\1"
OPT = b"\0\0\x29\x10\0\0\0\0\0\0\0"


def packet(*parts: bytes, flags: int = 0x0100, counts: tuple[int, int, int, int] = (1, 0, 0, 0)) -> bytes:
    return HEAD.pack(7, flags, *counts) + b"".join(parts)


def test_a_plain_query() -> None:
    labels = ("web", "service", "consul")
    assert read(packet(QUESTION)) == Query(7, 0x0100, labels, QUESTION, 1, 1, None)


def test_letters_are_kept_in_the_question_and_lowered_in_the_labels() -> None:
    asked = read(packet(QUESTION.replace(b"web", b"wEb")))
    assert isinstance(asked, Query)
    assert asked.labels[0] == "web"
    assert asked.question.startswith(b"\3wEb")


def test_edns() -> None:
    asked = read(packet(QUESTION, b"\0\0\x29\x02\x58\0\0\x80\0\0\4\0\x0a\0\0", counts=(1, 0, 0, 1)))
    assert isinstance(asked, Query)
    assert asked.edns == Edns(600, 0, dnssec_ok=True, bare=False)


@pytest.mark.parametrize("data", [b"", b"\0" * 11, packet(QUESTION, flags=0x8100)])
def test_what_is_no_query_is_not_answered(data: bytes) -> None:
    assert read(data) is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (packet(QUESTION, flags=0x2000), NOTIMP),  # NOTIFY
        (packet(QUESTION, flags=0x2800), NOTIMP),  # UPDATE
        (packet(), FORMERR),
        (packet(counts=(0, 0, 0, 0)), FORMERR),
        (packet(QUESTION, QUESTION, counts=(2, 0, 0, 0)), FORMERR),
        (packet(WEB), FORMERR),
        (packet(WEB[:-3]), FORMERR),
        (packet(b"\xc0\x0c\0\1\0\1"), FORMERR),  # a pointer to itself
        (packet(b"\x40" + b"a" * 64 + b"\0\0\1\0\1"), FORMERR),
        (packet((b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1"), FORMERR),  # 257 bytes
        (packet(QUESTION, b"!"), FORMERR),
        (packet(QUESTION, counts=(1, 0, 0, 1)), FORMERR),
        (packet(QUESTION, OPT, OPT, counts=(1, 0, 0, 2)), FORMERR),
        (packet(QUESTION, b"\1a" + OPT, counts=(1, 0, 0, 1)), FORMERR),
        (packet(QUESTION, OPT[:-1] + b"\5\0\x0a\0\2a", counts=(1, 0, 0, 1)), FORMERR),
        (packet(QUESTION, OPT[:-1] + b"\4\0\x0a\0\1", counts=(1, 0, 0, 1)), FORMERR),
    ],
)
def test_what_is_wrong_is_told_with_a_header_alone(data: bytes, code: int) -> None:
    told = read(data)
    assert isinstance(told, Fault)
    assert (told.id, told.code) == (7, code)


async def test_a_fault_repeats_id_and_opcode(scene: Scene) -> None:
    query = dns.message.make_query("web.service.consul", "A")
    query.set_opcode(dns.opcode.NOTIFY)
    told = scene.nameserver.responder.datagram(query.to_wire())
    assert told is not None
    answer = dns.message.from_wire(told)
    assert (answer.id, answer.opcode(), answer.rcode()) == (query.id, dns.opcode.NOTIFY, dns.rcode.NOTIMP)
    assert len(told) == 12


async def test_case_comes_back_as_it_was_sent(scene: Scene) -> None:
    """Draft 0x20: a resolver that mixes letters compares them."""
    await scene.web("10.0.0.1")
    told = scene.datagram(question("wEb.SerVice.CONsul"))
    assert told.question[0].name.to_text() == "wEb.SerVice.CONsul."
    assert told.answer[0].name.to_text() == "wEb.SerVice.CONsul."


@pytest.mark.parametrize(("flag", "kept"), [("RD", True), ("CD", True), ("AD", False)])
async def test_which_flags_come_back(scene: Scene, flag: str, kept: bool) -> None:
    query = question("consul", "SOA")
    query.flags = dns.flags.from_text(flag)
    assert bool(scene.datagram(query).flags & query.flags) is kept


async def test_an_unknown_version_of_edns_is_badvers(scene: Scene) -> None:
    told = scene.datagram(question("web.service.consul", use_edns=1))
    assert (told.rcode(), told.edns) == (dns.rcode.BADVERS, 0)


async def test_unknown_options_are_ignored_and_do_comes_back(scene: Scene) -> None:
    await scene.web("10.0.0.1")
    cookie = dns.edns.GenericOption(10, b"12345678")
    told = scene.datagram(question("web.service.consul", options=[cookie], want_dnssec=True))
    assert (told.rcode(), told.options, told.payload) == (dns.rcode.NOERROR, (), 1232)
    assert told.ednsflags & dns.flags.DO


async def test_who_does_not_speak_edns_is_not_answered_in_it(scene: Scene) -> None:
    assert scene.datagram(question("web.service.consul", use_edns=False)).edns == -1


@pytest.mark.parametrize(("name", "kind"), [("web.service.consul", "AXFR"), ("consul", "IXFR")])
async def test_zones_are_not_transferred(scene: Scene, name: str, kind: str) -> None:
    assert scene.code(name, kind) == "REFUSED"


async def test_other_classes_are_refused(scene: Scene) -> None:
    query = dns.message.make_query("version.bind", "TXT", "CH")
    assert scene.datagram(query).rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize("name", ["example.com", ".", "local", "internal", "consul.example.com"])
async def test_foreign_zones_are_refused(scene: Scene, name: str) -> None:
    told = scene.ask(name)
    assert told.rcode() == dns.rcode.REFUSED
    assert not told.flags & dns.flags.AA
    assert [option.to_text() for option in told.options] == ["EDE 20 (Not Authoritative)"]
