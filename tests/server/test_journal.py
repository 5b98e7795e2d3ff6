"""What the log says of trouble: once when it begins, once when it is over."""

import asyncio
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import LogCapture
from tests.registry.shop import Switch, opened

from muster.model import limits
from muster.server.journal import Journal
from muster.testing.builders import instance, register
from muster.testing.simulation.loop import in_virtual_time


@pytest.fixture
def said() -> Iterator[LogCapture]:
    capture = LogCapture()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[capture])
    yield capture
    structlog.configure(processors=before)


def events(said: LogCapture) -> list[str]:
    return [entry["event"] for entry in said.entries]


@in_virtual_time
async def test_a_store_that_cannot_write_is_said_once_and_its_recovery_too(said: LogCapture) -> None:
    switch = Switch()
    async with opened(switch) as shop:
        journal = Journal(shop.registry)
        for number, healthy in enumerate((True, False, False, True, True)):
            switch.on = healthy
            await shop.tell(register(instance(str(number))))
            journal.look()
    assert events(said) == [
        "the store cannot write; reads, watches and heartbeats go on",
        "the store writes again",
    ]
    assert said.entries[0]["problem"] == "the store refuses, as it was told to"


@in_virtual_time
async def test_a_hold_is_said_once_and_its_end_too(said: LogCapture) -> None:
    async with opened() as shop:
        journal = Journal(shop.registry)
        await asyncio.gather(*(shop.tell(register(instance(str(number)))) for number in range(10)))
        journal.look()
        assert said.entries == []

        await asyncio.sleep(limits.LEASE_TTL_S + 1)
        journal.look()
        journal.look()
        held = [entry["where"] for entry in said.entries]
        assert "zone 'a'" in held
        assert set(events(said)) == {"held: silence takes nobody out here"}

        for zone in [report.zone for report in shop.registry.guard_report() if report.state == "held"]:
            shop.registry.release_guard(zone)
        journal.look()
        assert events(said)[len(held) :] == ["no longer held"] * len(held)
