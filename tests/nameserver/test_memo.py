"""Answers known by heart: a change is in the next answer, and only what repeats is kept."""

from collections import Counter

import dns.edns
from tests.nameserver.scene import Scene, question

from muster.core.state import ServiceKey
from muster.model import limits
from muster.wire.filters import DEFAULT

NAME = "web.service.consul"


def known(scene: Scene) -> int:
    return len(scene.nameserver.responder.memo)


async def test_a_change_is_in_the_next_answer(scene: Scene) -> None:
    await scene.web("10.0.0.1", "10.0.0.2")
    assert scene.records(NAME) == ["10.0.0.1", "10.0.0.2"]
    await scene.drain("web-1")
    assert scene.records(NAME) == ["10.0.0.2"]
    await scene.deregister("web-2")
    assert scene.code(NAME) == "NXDOMAIN"
    await scene.deregister("web-1")
    await scene.web("10.0.0.3")
    assert scene.records(NAME) == ["10.0.0.3"]


async def test_a_change_of_one_service_leaves_the_others_known(scene: Scene) -> None:
    await scene.web("10.0.0.1")
    await scene.web("10.0.0.2", service="api", namespace="prod")
    for name in ("web.service.consul", "web.default.svc.cluster.local", "api.prod.svc.cluster.local"):
        scene.ask(name)
    assert known(scene) == 3
    await scene.drain("web-1")
    assert known(scene) == 1


async def test_only_what_repeats_is_kept(scene: Scene) -> None:
    await scene.web("10.0.0.1")
    scene.ask("nope.service.consul")
    scene.ask("0a000001.addr.consul")
    scene.datagram(question(NAME, options=[dns.edns.GenericOption(10, b"12345678")]))
    assert known(scene) == 0


async def test_as_many_as_there_is_room_for(scene: Scene) -> None:
    await scene.web("10.0.0.1")
    for payload in range(512, 512 + limits.DNS_MEMO + 10):
        scene.datagram(question(NAME, payload=payload))
    assert known(scene) == limits.DNS_MEMO
    assert scene.nameserver.responder.queries() == {("A", "NOERROR"): limits.DNS_MEMO + 10}


async def test_answers_are_counted_by_type_and_code(scene: Scene) -> None:
    await scene.web("10.0.0.1")
    for name, kind in ((NAME, "A"), (NAME, "A"), (NAME, "SRV"), (NAME, "MX"), ("nope.service.consul", "A")):
        scene.ask(name, kind)
    scene.message(question(NAME))
    scene.ask("example.com", "TYPE65")
    scene.nameserver.responder.datagram(b"\0" * 12)
    assert scene.nameserver.responder.queries() == Counter(
        {
            ("A", "NOERROR"): 3,
            ("SRV", "NOERROR"): 1,
            ("other", "NOERROR"): 1,
            ("A", "NXDOMAIN"): 1,
            ("other", "REFUSED"): 1,
            ("other", "FORMERR"): 1,
        }
    )


async def test_selections_that_nobody_repeats_do_not_pile_up(scene: Scene) -> None:
    await scene.web("10.0.0.1")
    for number in range(limits.DNS_ANSWERS + 10):
        scene.ask(f"tag-{number}.{NAME}", f"TYPE{1000 + number}")
    snapshot = scene.registry.snapshot(ServiceKey("default", "web"))
    assert len(snapshot.view(DEFAULT).once("dns", dict)) == limits.DNS_ANSWERS
