"""Which endpoints take turns."""

from tests.client.told import web

from muster.client import endpoint
from muster.wire.view import InstanceView


def rotation(*instances: InstanceView, zone: str = "") -> list[int]:
    chosen = endpoint.rotation([endpoint.of(instance) for instance in instances], zone)
    return [int(one.id.removeprefix("web-")) for one in chosen]


def test_all_take_turns() -> None:
    assert rotation(web(1), web(2)) == [1, 2]


def test_weight_nought_takes_none() -> None:
    assert rotation(web(1, weight=0), web(2)) == [2]


def test_weight_nought_everywhere_says_nothing() -> None:
    assert rotation(web(1, weight=0), web(2, weight=0)) == [1, 2]


def test_overdue_ones_are_passed_over() -> None:
    assert rotation(web(1, overdue=True), web(2)) == [2]


def test_unless_less_than_half_would_be_left() -> None:
    assert rotation(web(1, overdue=True), web(2, overdue=True), web(3)) == [1, 2, 3]


def test_the_own_zone_comes_first() -> None:
    assert rotation(web(1, zone="a"), web(2, zone="b"), zone="b") == [2]


def test_but_a_silent_zone_does_not() -> None:
    assert rotation(web(1, zone="a"), web(2, zone="b", overdue=True), zone="b") == [1]


def test_no_instance_in_the_own_zone_means_anywhere() -> None:
    assert rotation(web(1, zone="a"), web(2, zone="b"), zone="c") == [1, 2]


def test_an_address_is_what_a_url_holds() -> None:
    assert endpoint.of(web(1)).address == "10.0.0.1:8080"
    assert endpoint.of(web(1, host="::1")).address == "[::1]:8080"
