"""Readers by polling: who counts, for how long, and that their number is bounded."""

from __future__ import annotations

import pytest

from muster.core.state import ServiceKey
from muster.model import limits
from muster.registry.pollers import Pollers

WEB, API = ServiceKey("default", "web"), ServiceKey("default", "api")


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pollers(time: Time) -> Pollers:
    return Pollers(time)


def indexes(pollers: Pollers, service: ServiceKey = WEB) -> dict[str, int]:
    return {peer: poller.index for peer, poller in pollers.live(service).items()}


def test_a_poller_counts_until_its_wait_and_its_grace_are_over(pollers: Pollers, time: Time) -> None:
    pollers.asked(WEB, "10.0.0.1:1", 7, wait=30)
    time.now += 30 + limits.POLLER_GRACE_S - 0.1
    assert indexes(pollers) == {"10.0.0.1:1": 7}
    assert pollers.next_forgotten(WEB) == pytest.approx(0.1)
    time.now += 0.1
    assert indexes(pollers) == {}
    assert len(pollers) == 0


def test_a_poller_that_comes_back_knows_more(pollers: Pollers) -> None:
    pollers.asked(WEB, "10.0.0.1:1", 7, wait=30)
    pollers.asked(WEB, "10.0.0.1:1", 9, wait=30)
    assert indexes(pollers) == {"10.0.0.1:1": 9}


def test_one_that_comes_on_a_new_connection_takes_its_old_place(pollers: Pollers) -> None:
    pollers.asked(WEB, "10.0.0.1:1", 7, wait=30)
    pollers.asked(WEB, "10.0.0.2:1", 7, wait=30)
    pollers.disconnected("10.0.0.1:1")
    pollers.asked(WEB, "10.0.0.1:2", 9, wait=30)
    assert indexes(pollers) == {"10.0.0.2:1": 7, "10.0.0.1:2": 9}


def test_two_of_one_address_are_two(pollers: Pollers) -> None:
    pollers.asked(WEB, "10.0.0.1:1", 7, wait=30)
    pollers.asked(WEB, "10.0.0.1:2", 9, wait=30)
    assert indexes(pollers) == {"10.0.0.1:1": 7, "10.0.0.1:2": 9}


def test_services_are_apart(pollers: Pollers) -> None:
    pollers.asked(WEB, "10.0.0.1:1", 7, wait=30)
    pollers.asked(API, "10.0.0.1:1", 8, wait=30)
    pollers.disconnected("10.0.0.1:1")
    pollers.asked(WEB, "10.0.0.1:2", 9, wait=30)
    assert indexes(pollers, API) == {"10.0.0.1:1": 8}
    assert pollers.next_forgotten(ServiceKey("default", "none")) == 1.0


def test_there_is_room_for_so_many_and_the_oldest_goes_first(pollers: Pollers) -> None:
    pollers.asked(WEB, "10.0.0.1:1", 7, wait=600)
    pollers.asked(API, "10.0.0.1:1", 7, wait=600)
    pollers.asked(WEB, "10.0.0.1:1", 8, wait=600)
    for n in range(limits.POLLERS - 1):
        pollers.asked(ServiceKey("default", f"s{n}"), "10.0.0.2:1", 1, wait=600)
    assert len(pollers) == limits.POLLERS
    assert (indexes(pollers, API), indexes(pollers, WEB)) == ({}, {"10.0.0.1:1": 8})
