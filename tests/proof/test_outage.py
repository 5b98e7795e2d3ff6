"""A registry that is away, or worse than away: callers go on, those who start meanwhile too, and nobody is left behind when it returns."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.httpapi.asking import Caller
from tests.proof.gate import Behaviour, Gate
from tests.proof.notes import Called, Note, Viewed, failed, views
from tests.proof.town import Town

from muster.testing.process import RegistryProcess

CALLERS = ("httpx", "aiohttp")
FRESH_S = 5.0
"""A view this old is vouched for: `alive` comes every two seconds."""
AFTERWARDS_S = 10.0
MISBEHAVING: tuple[Behaviour, ...] = ("500", "hangs", "broken stream")


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture
def town(gate: Gate, tmp_path: Path) -> Iterator[Town]:
    """Three instances; every caller keeps what it knows on disk."""
    with Town(tmp_path, url=gate.url) as town:
        gate.target = town.registry.port
        town.serve("web-1", "web-2", "web-3")
        town.call(*CALLERS, cache=tmp_path / "cache")
        for name in town.members:
            town.notes.until_picked(name, set(CALLERS))
        yield town


def epoch(registry: RegistryProcess) -> str:
    with Caller("127.0.0.1", registry.port) as caller:
        return str(caller.ask("GET", "/v1/status").json["epoch"])


def current(expected: str, names: tuple[str, ...], by: set[str]) -> Callable[[list[Note]], bool]:
    """Whether the last view of each caller is of this history, fresh, and lists exactly these, none in doubt."""

    def holds(notes: list[Note]) -> bool:
        known = views(notes)
        return known.keys() >= by and all(right(known[one]) for one in by)

    def right(view: Viewed) -> bool:
        said = (view.epoch, view.instances, view.unconfirmed)
        return said == (expected, names, ()) and view.age < FRESH_S

    return holds


def returned(town: Town, by: set[str]) -> float:
    """How long after now nobody is behind any more."""
    began = time.monotonic()
    now = epoch(town.registry)
    town.notes.until(current(now, tuple(sorted(town.members)), by), since=began, seconds=120)
    return time.monotonic() - began


def passing(town: Town, seconds: float, *newcomers: str) -> None:
    """So much time passes; callers of these names start in the middle of it."""
    began = time.monotonic()
    for name in newcomers:
        town.call("httpx-async", name=name, cache=town.directory / "cache")
    town.notes.until_called(1, since=began + seconds, seconds=seconds + 60)


def accounted(town: Town, what: str, since: float, behind: float) -> None:
    calls = [note for note in town.notes.since(since) if isinstance(note, Called)]
    print(
        f"{what}: {len(calls)} calls, {len(failed(calls))} failed; all up to date {behind:.1f} s after its return"
    )
    assert failed(calls) == []


@pytest.mark.parametrize(
    "seconds", [pytest.param(4, id="slice"), pytest.param(120, id="whole", marks=pytest.mark.slow)]
)
def test_a_registry_that_is_stopped_stops_nobody(town: Town, seconds: float) -> None:
    began = time.monotonic()
    town.registry.stop()
    passing(town, seconds, "newcomer")
    town.registry.start()
    behind = returned(town, {*CALLERS, "newcomer"})
    town.hush()
    accounted(town, f"stopped for {seconds} s", began, behind)


@pytest.mark.slow
def test_one_that_comes_back_empty_empties_nobody(town: Town) -> None:
    began, before = time.monotonic(), epoch(town.registry)
    town.registry.stop()
    shutil.rmtree(town.directory / "data")
    town.registry.start()
    behind = returned(town, set(CALLERS))
    assert epoch(town.registry) != before
    passing(town, AFTERWARDS_S)
    town.hush()
    listed = [note.instances for note in town.notes.since(began) if isinstance(note, Viewed)]
    accounted(town, "restarted empty", began, behind)
    assert set(listed) == {tuple(town.members)}


@pytest.mark.slow
def test_one_that_was_put_back_forgets_nobody_and_sends_nobody_to_the_dead(town: Town) -> None:
    """The backup knows an instance that is gone, and does not know one that came later."""
    backup = town.directory / "backup"
    town.serve("web-0")
    town.notes.until_picked("web-0", set(CALLERS))
    town.muster("backup", str(backup))
    town.members.pop("web-0").stop()
    town.serve("web-4")
    town.notes.until_picked("web-4", set(CALLERS), since=time.monotonic())
    began = time.monotonic()
    town.registry.stop()
    town.muster("restore", str(backup), "--data", str(town.directory / "data"))
    town.registry.start()
    behind = returned(town, set(CALLERS))
    passing(town, AFTERWARDS_S)
    town.hush()
    listed = [note.instances for note in town.notes.since(began) if isinstance(note, Viewed)]
    accounted(town, "restored older", began, behind)
    assert all("web-4" in each for each in listed)


@pytest.mark.parametrize(
    ("ways", "seconds"),
    [
        pytest.param(("broken stream",), 3, id="slice"),
        pytest.param(MISBEHAVING, 40, id="whole", marks=pytest.mark.slow),
    ],
)
def test_one_that_misbehaves_harms_nobody(
    town: Town, gate: Gate, ways: tuple[Behaviour, ...], seconds: float
) -> None:
    for number, way in enumerate(ways):
        began = time.monotonic()
        gate.behave(way)
        passing(town, seconds, f"newcomer-{number}")
        gate.behave()
        behind = returned(town, {*CALLERS, f"newcomer-{number}"})
        accounted(town, f"{way} for {seconds} s", began, behind)
    town.hush()
