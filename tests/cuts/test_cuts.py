"""Three replicas and three members of etcd in a network that fails: every promise of the watch contract holds, nothing that was
acknowledged is lost, nobody who lives is expired, and the dead leave."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from tests.cuts.checker import NEVER, Interval, violations
from tests.cuts.country import Country, pass_
from tests.cuts.faults import (
    FAULTS,
    SLICE,
    Fault,
    etcd_is_out_of_space,
    etcd_is_put_back,
    the_leader_is_killed,
)
from tests.cuts.notes import Note, Told, Wrote

pytestmark = pytest.mark.fault

LITTLE = {"rate": 60.0, "watchers": 12, "services": 4}
FULL = {"rate": 500.0, "watchers": 200, "services": 50}
QUOTA = ("--quota-backend-bytes", str(24 << 20))
FOR_FIVE_MINUTES_S = 300.0
EVERY_S = 10.0
AFTER_S = 5.0
"""The load goes on for so long when all is well again."""


def hold(notes: list[Note], forgotten: Interval = NEVER) -> None:
    """All promises, over a history in which something happened."""
    counts = Counter(type(note).__name__ for note in notes)
    wrote = [note for note in notes if isinstance(note, Wrote)]
    took = wrote[-1].at - wrote[0].at
    print(f"{dict(counts)}; {len(wrote) / took:.0f} registrations/s, {took:.0f} s")
    assert violations(notes, forgotten=forgotten) == []
    assert {note.by for note in notes if isinstance(note, Told)}
    assert counts["Ending"]


def test_a_slice_of_all_faults(tmp_path: Path) -> None:
    with Country(tmp_path) as country:
        with country.load(**LITTLE) as notes:
            for fault, seconds in SLICE:
                fault(country, seconds)
            pass_(AFTER_S)
        hold(notes())


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "seconds"), FAULTS.items(), ids=[fault.__name__ for fault in FAULTS])
def test_each_fault_under_full_load(tmp_path: Path, fault: Fault, seconds: float) -> None:
    with Country(tmp_path) as country:
        with country.load(**FULL) as notes:
            fault(country, seconds)
            pass_(AFTER_S)
        hold(notes())


@pytest.mark.slow
def test_the_leader_of_etcd_is_killed_again_and_again(tmp_path: Path) -> None:
    with Country(tmp_path) as country:
        with country.load(**FULL) as notes:
            until = time.monotonic() + FOR_FIVE_MINUTES_S
            while (began := time.monotonic()) < until:
                the_leader_is_killed(country, 3.0)
                country.until(lambda began=began: time.monotonic() > began + EVERY_S)  # type: ignore[misc]
        hold(notes())


@pytest.mark.slow
def test_etcd_is_out_of_space_and_back(tmp_path: Path) -> None:
    with Country(tmp_path, QUOTA) as country:
        with country.load(**FULL) as notes:
            etcd_is_out_of_space(country, EVERY_S)
        hold(notes())


@pytest.mark.slow
def test_etcd_is_put_back_to_an_old_snapshot(tmp_path: Path) -> None:
    with Country(tmp_path) as country:
        with country.load(**FULL) as notes:
            forgotten = etcd_is_put_back(country, EVERY_S)
        hold(notes(), forgotten)
