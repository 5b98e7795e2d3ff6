"""`muster guard` in a table: what the registry sends, with when each hold began and how it ends."""

from datetime import datetime

from muster.cli.table import plain
from muster.cli.verbs.guard import table_of
from muster.wire.answers import GuardReport, RegistryGuard, ZoneGuard

NOON = datetime(2026, 3, 1, 12, 0, 5)  # noqa: DTZ001 - the table tells local time
WALL_MS = int(NOON.timestamp() * 1000)
CALM = RegistryGuard(suspect=False, state="clear", reason="", since_ms=0, exit="")


def rows(*zones: ZoneGuard, registry: RegistryGuard = CALM) -> list[str]:
    return plain(table_of(GuardReport(held=True, registry=registry, zones=list(zones)))).splitlines()[1:]


def test_a_hold_says_when_it_began() -> None:
    (row,) = rows(ZoneGuard("north", "held", "4 of 9 fell silent", WALL_MS, 9, 4, False, "ends in 20 s"))
    assert " ".join(row.split()) == "north held 2026-03-01 12:00:05 9 4 no 4 of 9 fell silent ends in 20 s"


def test_a_clear_zone_has_no_beginning() -> None:
    assert [row.split() for row in rows(ZoneGuard("north", "clear", "", 0, 9, 0, True, ""))] == [
        ["north", "clear", "-", "9", "0", "yes", "-", "-"]
    ]


def test_the_registrys_own_doubt_is_a_row() -> None:
    (row,) = rows(registry=RegistryGuard(True, "held", "it was paused", WALL_MS, "ends in 20 s"))
    assert row.startswith("(whole registry)  held   2026-03-01 12:00:05")
    assert row.endswith("it was paused  ends in 20 s")
