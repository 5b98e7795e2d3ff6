"""Whatever comes in: no exception, no answer that is longer than asked for, none that begins a loop, and each one well formed.

`--seed N` runs one seed again.
"""

from random import Random

import dns.message
import dns.rcode
import pytest
from tests.nameserver.scene import Scene, question

from muster.model import limits
from muster.nameserver.query import Query, read

PACKETS = 60
NAMES = (
    "web.service.consul",
    "_web._tcp.service.dc1.consul",
    "0a000001.addr.consul",
    "web-1.node.consul",
    "_http._tcp.a.prefer._zone.web.default.svc.cluster.local",
    "10-0-0-1.web.default.svc.muster.internal",
    "1.0.0.10.in-addr.arpa",
    "consul",
    "example.com",
)
KINDS = ("A", "AAAA", "SRV", "TXT", "PTR", "SOA", "NS", "ANY", "CNAME", "MX", "TYPE65", "AXFR")
WORDS = [
    *"a1_-",
    "web",
    "service",
    "_zone",
    "prefer",
    "pin",
    "_tcp",
    "svc",
    "ns",
    "dc",
    "addr",
    "node",
    "\\000",
    "\\.",
]


def random_name(rng: Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(NAMES)
    labels = [rng.choice(WORDS) * rng.randint(1, 4) for _ in range(rng.randint(1, 12))]
    return ".".join([*labels, rng.choice(NAMES)])[:250].strip(".").replace("..", ".")


def valid(rng: Random) -> bytes:
    edns: dict[str, object] = {"payload": rng.choice([0, 512, 600, 1232, 4096, 65535])}
    if rng.random() < 0.4:
        edns = {"use_edns": False}
    return question(random_name(rng), rng.choice(KINDS), **edns).to_wire()


def mutated(rng: Random) -> bytes:
    data = bytearray(valid(rng))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 8))
            case 3:
                del data[at : at + rng.randint(1, 8)]
        data = data or bytearray(1)
    return bytes(data)


def noise(rng: Random) -> bytes:
    return rng.randbytes(rng.randint(0, 600))


def framed_noise(rng: Random) -> bytes:
    """A plausible header before anything."""
    return rng.randbytes(2) + b"\1\0\0\1\0\0\0\0\0" + bytes([rng.randint(0, 2)]) + noise(rng)


@pytest.fixture
async def crowded(scene: Scene) -> Scene:
    """Enough instances that answers have to be cut."""
    await scene.web(*(f"10.0.0.{number}" for number in range(1, 60)), zone="a")
    return scene


@pytest.mark.parametrize("make", [valid, mutated, noise, framed_noise])
async def test_any_packet(crowded: Scene, make: object, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    print(f"seed {seed}")
    rng = Random(seed)
    responder = crowded.nameserver.responder
    for _ in range(PACKETS):
        data = make(rng)  # type: ignore[operator]
        for again in range(2):
            told = responder.datagram(data)
            assert (told is None) is (read(data) is None), data.hex()
            if told is not None:
                judge(data, told)
                assert told[:2] == data[:2]
            if again:
                over_tcp = responder.message(data)
                assert over_tcp is None or len(over_tcp) <= 0xFFFF
    assert not caplog.records, "a bug was logged, and answered with SERVFAIL"


def judge(data: bytes, told: bytes) -> None:
    asked = read(data)
    if isinstance(asked, Query):
        room = asked.size
        assert room <= limits.DNS_UDP_BYTES
        assert told[12 : 12 + len(asked.question)] == asked.question
    else:
        room = 12
    assert len(told) <= room, data.hex()
    answer = dns.message.from_wire(told, one_rr_per_rrset=True)
    assert answer.flags & 0x8000
    assert answer.rcode() != dns.rcode.SERVFAIL
