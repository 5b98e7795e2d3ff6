"""Who is in an answer: design section 5, as far as DNS can obey it."""

from tests.nameserver.scene import Scene, texts, web

from muster.model.check import Check
from muster.testing.builders import instance

NAME = "web.service.consul"


async def test_overdue_ones_are_passed_over(scene: Scene) -> None:
    await scene.web("10.0.0.1", "10.0.0.2", "10.0.0.3")
    await scene.mark_overdue("web-1")
    assert scene.records(NAME) == ["10.0.0.2", "10.0.0.3"]


async def test_unless_that_left_less_than_half(scene: Scene) -> None:
    await scene.web("10.0.0.1", "10.0.0.2", "10.0.0.3")
    await scene.mark_overdue("web-1", "web-2")
    assert len(scene.records(NAME)) == 3


async def test_or_less_than_the_services_policy_says(scene: Scene) -> None:
    await scene.web("10.0.0.1", "10.0.0.2", "10.0.0.3")
    await scene.mark_overdue("web-1", "web-2")
    assert len(scene.records(NAME)) == 3
    await scene.steer("web", b'{"panic_threshold": 20}')
    assert scene.records(NAME) == ["10.0.0.3"]


async def test_a_preferred_zone_that_is_silent_is_not_preferred(scene: Scene) -> None:
    await scene.register(
        *web("10.0.0.1", zone="a"),
        instance("web-2", host="10.0.0.2", zone="b"),
        instance("web-3", host="10.0.0.3", zone="b"),
    )
    await scene.mark_overdue("web-1")
    assert scene.records("a.prefer._zone." + NAME) == ["10.0.0.2", "10.0.0.3"]
    assert scene.records("a.pin._zone." + NAME) == ["10.0.0.1"]


async def test_weight_nought_means_never_unless_nobody_has_another(scene: Scene) -> None:
    await scene.web("10.0.0.1", "10.0.0.2")
    await scene.weigh("web-1", 0)
    assert scene.records(NAME) == ["10.0.0.2"]
    await scene.weigh("web-2", 0)
    assert scene.records(NAME) == ["10.0.0.1", "10.0.0.2"]


async def test_srv_has_weights_and_who_warns_gets_a_quarter(scene: Scene) -> None:
    ttl = Check("pulse", "ttl", ttl=30.0)
    await scene.register(
        *web("10.0.0.1", weight=40), instance("web-2", host="10.0.0.2", weight=40, checks=(ttl,))
    )
    for result in ("pass", "warn"):
        await scene.registry.push("default/web-2", 0, b"", "pulse", result, "")  # type: ignore[arg-type]
    weights = {text.split()[3]: int(text.split()[1]) for text in scene.records(NAME, "SRV")}
    first, second = weights["0a000001.addr.dc1.consul."], weights["0a000002.addr.dc1.consul."]
    assert (first, first // second) == (65_520, 4)


async def test_an_address_that_several_have_is_said_once(scene: Scene) -> None:
    await scene.register(
        instance("web-1", host="10.0.0.1", port=1), instance("web-2", host="10.0.0.1", port=2)
    )
    assert scene.records(NAME) == ["10.0.0.1"]
    told = scene.ask(NAME, "SRV")
    assert len(texts(told.answer)) == 2
    assert texts(told.additional) == ["10.0.0.1"]
