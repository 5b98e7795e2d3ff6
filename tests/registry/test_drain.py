"""Drain with acknowledgement: who is asked, who is waited for, and what the answer says."""

import asyncio

import pytest

from muster.core.state import ServiceKey
from muster.model import limits
from muster.registry.drain import Subscribers
from muster.testing.simulation.loop import in_virtual_time
from muster.wire.answers import CannotAcknowledge, DrainAnswer, Unacknowledged

WEB = ServiceKey("default", "web")
API = ServiceKey("default", "api")
NOBODY = CannotAcknowledge(0, 0.0)


class Stream:
    """Acknowledges what it is asked to after `delay` s; never if None."""

    def __init__(
        self, subscribers: Subscribers, name: str, delay: float | None, *, acknowledges: bool = True
    ) -> None:
        self._subscribers = subscribers
        self._delay = delay
        self.name = name
        self.address = "10.9.9.9:1"
        self.acknowledges = acknowledges

    def ask_ack(self, service: ServiceKey, revision: int) -> None:
        if self._delay is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self._delay, self._subscribers.acknowledged, self.name, service, revision)


def subscribers(*delays: float | None) -> Subscribers:
    made = Subscribers(asyncio.get_running_loop().time)
    for n, delay in enumerate(delays):
        made.opened(WEB, Stream(made, f"s{n}", delay))
    return made


def answer(waited: float, *missing: Unacknowledged, cannot: CannotAcknowledge = NOBODY) -> DrainAnswer:
    return DrainAnswer(not missing, round(waited * 1000), 7, list(missing), len(missing), cannot)


@in_virtual_time
async def test_nobody_to_wait_for() -> None:
    assert await subscribers().drained(WEB, 7, 5.0) == answer(0.0)


@in_virtual_time
async def test_it_waits_for_the_slowest() -> None:
    assert await subscribers(0.1, 2.0).drained(WEB, 7, 5.0) == answer(2.0)


@in_virtual_time
async def test_it_waits_no_longer_than_asked_and_names_who_is_missing() -> None:
    told = await subscribers(0.1, None).drained(WEB, 7, 5.0)
    assert told == answer(5.0, Unacknowledged("s1", "10.9.9.9:1"))


@in_virtual_time
async def test_who_goes_away_is_not_waited_for() -> None:
    made = subscribers()
    stream = Stream(made, "s", None)
    made.opened(WEB, stream)
    asyncio.get_running_loop().call_later(1.0, made.closed, WEB, stream)
    assert await made.drained(WEB, 7, 5.0) == answer(1.0)


@in_virtual_time
async def test_who_comes_meanwhile_is_asked_too() -> None:
    made = subscribers(2.0)
    asyncio.get_running_loop().call_later(1.0, made.opened, WEB, Stream(made, "late", 1.5))
    assert await made.drained(WEB, 7, 5.0) == answer(2.5)


@in_virtual_time
async def test_an_older_acknowledgement_does_not_count() -> None:
    made = subscribers(None)
    made.acknowledged("s0", WEB, 6)
    made.acknowledged("nobody", WEB, 9)
    made.acknowledged("s0", API, 9)
    assert (await made.drained(WEB, 7, 1.0)).unacknowledged_count == 1


@in_virtual_time
async def test_who_knows_already_is_not_waited_for() -> None:
    made = subscribers(None)
    made.acknowledged("s0", WEB, 8)
    assert await made.drained(WEB, 7, 5.0) == answer(0.0)


@in_virtual_time
async def test_other_services_are_not_asked() -> None:
    assert await subscribers(None).drained(API, 7, 5.0) == answer(0.0)


@in_virtual_time
async def test_who_only_listens_is_counted() -> None:
    made = subscribers()
    made.opened(WEB, Stream(made, "s", None, acknowledges=False))
    assert await made.drained(WEB, 7, 5.0) == answer(0.0, cannot=CannotAcknowledge(1, 0.0))


@in_virtual_time
async def test_a_plain_look_up_has_an_age() -> None:
    made = subscribers()
    made.looked(WEB)
    await asyncio.sleep(3.0)
    assert (await made.drained(WEB, 7, 5.0)).cannot_acknowledge.plain_reads_s == pytest.approx(3.0, abs=0.002)


@in_virtual_time
async def test_a_poller_acknowledges_by_coming_back_with_what_it_was_told() -> None:
    made = subscribers()
    made.polled(WEB, "10.1.1.1:5", 6, 30.0)
    asyncio.get_running_loop().call_later(1.5, made.polled, WEB, "10.1.1.1:5", 7, 30.0)
    assert await made.drained(WEB, 7, 5.0) == answer(1.5)


@in_virtual_time
async def test_a_poller_that_does_not_come_back_is_forgotten_after_its_wait() -> None:
    made = subscribers()
    made.polled(WEB, "10.1.1.1:5", 6, 2.0)
    told = await made.drained(WEB, 7, 60.0)
    assert told.safe
    assert 2.0 + limits.POLLER_GRACE_S <= told.waited_ms / 1000 <= 2.1 + limits.POLLER_GRACE_S


@in_virtual_time
async def test_a_long_list_is_cut_and_its_number_exact() -> None:
    many = limits.UNACKNOWLEDGED_LISTED + 5
    told = await subscribers(*[None] * many).drained(WEB, 7, 0.0)
    assert (len(told.unacknowledged), told.unacknowledged_count) == (limits.UNACKNOWLEDGED_LISTED, many)


@in_virtual_time
async def test_a_stopping_registry_answers_with_what_it_knows() -> None:
    made = subscribers(None)
    asyncio.get_running_loop().call_later(1.0, made.stop)
    assert (await made.drained(WEB, 7, 60.0)).waited_ms == 1000
