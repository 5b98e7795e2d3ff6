"""A wall clock that is stepped, and a process that stands still: neither is a reason for anybody to expire."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from tests.faults.beating import beating
from tests.httpapi.asking import Caller
from tests.httpapi.streaming import Stream
from tests.parts import require

from muster.testing.process import RegistryProcess
from muster.wire.events import RemoveEvent

IDS = [f"web-{n}" for n in range(6)]
HOUR_S = 3_600


def fake_clock(file: Path) -> dict[str, str]:
    """An environment in which the wall clock is off by what `file` says, and the monotonic clock is not."""
    require("faketime")
    library = next(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"))
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def hours_off(caller: Caller, truth: Caller) -> float:
    """By how much its clock is ahead of another's."""
    dates = [parsedate_to_datetime(each.ask("GET", "/livez").headers["date"]) for each in (caller, truth)]
    return round((dates[0] - dates[1]).total_seconds() / HOUR_S)


@pytest.mark.fault
def test_a_stepped_wall_clock_expires_nobody(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    with (
        RegistryProcess(tmp_path / "data", environ=fake_clock(clock)) as stepped,
        RegistryProcess(tmp_path / "truth") as true,
        Caller("127.0.0.1", stepped.port) as caller,
        Caller("127.0.0.1", true.port) as truth,
        Stream("127.0.0.1", stepped.port, "/v1/watch?service=web") as stream,
    ):
        stream.changes(1)
        for id in IDS:
            caller.register("web", id, ttl="3s")
        with beating(stepped.port, IDS, every=0.5):
            for text, hours in (("+3600", 1), ("-3600", -1), ("+0", 0)):
                clock.write_text(text)
                while hours_off(caller, truth) != hours:
                    threading.Event().wait(0.05)
                threading.Event().wait(0.6)  # it ticks four times a second
                assert caller.look("web").ids == IDS
                caller.register("web", "newcomer", ttl="3s", incarnation=text)
                caller.deregister("newcomer")
        gone = [told.event for told in stream.told if isinstance(told.event, RemoveEvent)]
        assert {each.instance_id for event in gone for each in event.instances} <= {"newcomer"}


def stand_still(
    process: RegistryProcess, caller: Caller, stream: Stream, *, ttl: float, pause: float
) -> None:
    stream.changes(1)
    for id in IDS:
        caller.register("web", id, ttl=ttl)
    with beating(process.port, IDS, every=ttl / 6):
        threading.Event().wait(ttl / 2)
        process.signal(signal.SIGSTOP)
        threading.Event().wait(pause)
        process.signal(signal.SIGCONT)
        threading.Event().wait(ttl / 2)
        assert caller.look("web").ids == IDS
    report = caller.ask("GET", "/v1/guard").json
    assert "paused" in report["registry"]["reason"]
    assert not [told for told in stream.told if isinstance(told.event, RemoveEvent)]
    assert all(caller.status_of(id) == "healthy" for id in IDS)


@pytest.mark.fault
def test_a_registry_that_stood_still_expires_nobody(
    process: RegistryProcess, caller: Caller, watch: Callable[[str], Stream]
) -> None:
    stand_still(process, caller, watch("service=web"), ttl=2, pause=3)


@pytest.mark.fault
@pytest.mark.slow
def test_a_registry_that_stood_still_for_a_minute_expires_nobody(
    process: RegistryProcess, caller: Caller, watch: Callable[[str], Stream]
) -> None:
    stand_still(process, caller, watch("service=web"), ttl=30, pause=60)
