"""Hosts that vanish, zones that are cut off, and a registry that cannot see what callers can: real packets, dropped on the way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.parts import require
from tests.proof.network import Network
from tests.proof.notes import Called, Note, Picked, failed, shares, views
from tests.proof.town import Town

from muster.testing.process import RegistryProcess

REGISTRY = "10.9.0.2"
POLICY = """
balancer: {name: weighted_random}
locality: {mode: none}
timeouts: {connect: 2s, request: 10s}
retries: {per_try_timeout: 2s}
"""
OUT_S = 3.0
TRY_S = 2.0
ZONE_A, ZONE_B = "10.1.0.0/16", "10.2.0.0/16"
PLACES = {"web-1": "10.1.1.2", "web-2": "10.1.2.2", "web-3": "10.2.1.2", "web-4": "10.2.2.2"}
"""Two in zone a, two in zone b; who calls them is in neither."""
CALLERS = ("httpx", "aiohttp")


@pytest.fixture
def network() -> Iterator[Network]:
    for part in ("netns", "ip", "nft"):
        require(part)
    with Network() as network:
        yield network


@pytest.fixture
def town(network: Network, tmp_path: Path) -> Iterator[Town]:
    there = network.host(REGISTRY)
    registry = RegistryProcess(tmp_path / "data", f"--listen={REGISTRY}:8500", "--insecure", wrapper=there)
    with Town(tmp_path, registry) as town:
        town.steer(POLICY, there)
        for name, address in PLACES.items():
            zone = "a" if address.startswith("10.1.") else "b"
            town.serve(name, host=address, zone=zone, under=network.host(address))
        town.call(*CALLERS, under=network.host("10.3.1.2"))
        for name in PLACES:
            town.notes.until_picked(name, set(CALLERS))
        yield town


def picked(notes: Sequence[Note], names: set[str]) -> dict[str, int]:
    return dict(Counter(note.by for note in notes if isinstance(note, Picked) and note.to in names))


def chosen_again(town: Town, names: set[str], since: float) -> float:
    for name in names:
        town.notes.until_picked(name, set(CALLERS), since=since)
    return time.monotonic() - since


def test_a_host_that_vanishes_is_left_alone_until_it_is_back(network: Network, town: Town) -> None:
    cut = time.monotonic()
    network.cut(PLACES["web-2"])
    out = cut + TRY_S + OUT_S
    town.notes.until_called(1, since=out + 4)
    network.heal()
    healed = time.monotonic()
    back = chosen_again(town, {"web-2"}, healed)
    town.hush()
    notes = town.notes.since(cut)
    late = picked([note for note in notes if out <= note.at < healed], {"web-2"})
    calls = [note for note in notes if isinstance(note, Called)]
    print(
        f"vanished: chosen after {TRY_S + OUT_S:g} s: {late}; of {len(calls)} calls failed: {[c.said for c in failed(calls)]}"
    )
    print(f"vanished: slowest call {max(call.took for call in calls):.2f} s, chosen again after {back:.1f} s")
    assert all(count <= healed - out + 1 for count in late.values())
    assert failed(calls, "GET") == []


@pytest.mark.slow
def test_a_zone_that_is_cut_off_loses_its_traffic_and_not_its_records(network: Network, town: Town) -> None:
    cut = time.monotonic()
    network.cut(ZONE_A)
    out = cut + TRY_S + OUT_S
    town.notes.until_called(1, since=out + 40)
    listed = {by: view.instances for by, view in views(town.notes.since(out)).items()}
    network.heal()
    healed = time.monotonic()
    back = chosen_again(town, {"web-1", "web-2"}, healed)
    town.hush()
    notes = town.notes.since(cut)
    late = picked([note for note in notes if out <= note.at < healed], {"web-1", "web-2"})
    calls = [note for note in notes if isinstance(note, Called)]
    print(f"zone cut: trials in 40 s: {late}; listed all the time: {listed}; chosen again after {back:.1f} s")
    print(f"zone cut: of {len(calls)} calls failed: {[call.said for call in failed(calls)]}")
    assert all(count <= healed - out for count in late.values())
    assert set(listed.values()) == {tuple(PLACES)}
    assert failed(calls, "GET") == []


@pytest.mark.slow
def test_a_registry_that_is_cut_off_from_a_zone_moves_no_traffic(network: Network, town: Town) -> None:
    cut = time.monotonic()
    network.cut(ZONE_A, REGISTRY)
    town.notes.until_called(1, since=cut + 45)
    network.heal()
    town.hush()
    notes = town.notes.since(cut)
    calls = [note for note in notes if isinstance(note, Called)]
    share = shares(notes)
    print(f"registry cut off for 45 s: {len(calls)} calls, {len(failed(calls))} failed, {share}")
    assert failed(calls) == []
    assert {view.instances for view in notes if hasattr(view, "instances")} == {tuple(PLACES)}
    assert share == pytest.approx(dict.fromkeys(PLACES, 0.25), abs=0.06)
