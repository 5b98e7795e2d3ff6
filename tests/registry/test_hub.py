"""The hub: who is woken, when, and how often."""

import asyncio

from muster.core.state import ServiceKey
from muster.model import limits
from muster.registry.hub import Hub
from muster.testing.simulation.loop import in_virtual_time

WEB = ServiceKey("default", "web")
API = ServiceKey("default", "api")


class Reader:
    """Remembers when it was woken, in ms since it was made."""

    def __init__(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self.woken: list[tuple[str, int]] = []

    def service_changed(self, service: ServiceKey) -> None:
        self.woken.append((service.name, round((asyncio.get_running_loop().time() - self._began) * 1000)))


def hub(fold: float = 0.005) -> Hub:
    return Hub(asyncio.get_running_loop(), fold=fold)


@in_virtual_time
async def test_churn_of_one_service_wakes_nobody_else() -> None:
    made, web, api = hub(), Reader(), Reader()
    made.add(WEB, web)
    made.add(API, api)
    made.changed([WEB])
    await asyncio.sleep(1)
    assert (web.woken, api.woken) == ([("web", 0)], [])


@in_virtual_time
async def test_the_first_change_goes_out_at_once_and_those_after_it_together() -> None:
    made, reader = hub(), Reader()
    made.add(WEB, reader)
    for _ in range(10):
        made.changed([WEB])
        await asyncio.sleep(0.0004)
    await asyncio.sleep(1)
    assert reader.woken == [("web", 0), ("web", 5)]


@in_virtual_time
async def test_lasting_churn_wakes_once_per_fold() -> None:
    made, reader = hub(), Reader()
    made.add(WEB, reader)
    for _ in range(100):
        made.changed([WEB])
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)
    assert 18 <= len(reader.woken) <= 22


@in_virtual_time
async def test_after_a_quiet_fold_a_change_goes_out_at_once_again() -> None:
    made, reader = hub(), Reader()
    made.add(WEB, reader)
    made.changed([WEB])
    await asyncio.sleep(0.1)
    made.changed([WEB])
    await asyncio.sleep(0.1)
    assert reader.woken == [("web", 0), ("web", 100)]


@in_virtual_time
async def test_many_readers_are_woken_in_slices() -> None:
    made = hub()
    readers = [Reader() for _ in range(2 * limits.READERS_PER_TURN + 1)]
    for reader in readers:
        made.add(WEB, reader)
    made.changed([WEB])
    assert sum(bool(reader.woken) for reader in readers) == limits.READERS_PER_TURN
    await asyncio.sleep(0.001)
    assert all(len(reader.woken) == 1 for reader in readers)


@in_virtual_time
async def test_who_leaves_before_its_slice_is_not_woken() -> None:
    made = hub()
    readers = [Reader() for _ in range(limits.READERS_PER_TURN + 1)]
    for reader in readers:
        made.add(WEB, reader)
    made.changed([WEB])
    made.remove(WEB, readers[-1])
    await asyncio.sleep(0.001)
    assert readers[-1].woken == []


@in_virtual_time
async def test_a_change_is_pending_until_the_last_reader_was_told() -> None:
    made = hub()
    for _ in range(limits.READERS_PER_TURN + 1):
        made.add(WEB, Reader())
    made.changed([WEB, API])
    during = set(made.pending)
    await asyncio.sleep(0.1)
    assert (during, made.pending) == ({WEB}, set())


@in_virtual_time
async def test_the_metrics_learn_how_long_it_took() -> None:
    told: list[tuple[float, int]] = []
    made = Hub(asyncio.get_running_loop(), lambda seconds, readers: told.append((round(seconds, 3), readers)))
    made.add(WEB, Reader())
    for _ in range(2):
        made.changed([WEB])
    await asyncio.sleep(0.1)
    assert told == [(0.0, 1), (0.005, 1)]


@in_virtual_time
async def test_nobody_is_left_behind() -> None:
    made, reader = hub(), Reader()
    made.add(WEB, reader)
    made.changed([WEB])
    made.remove(WEB, reader)
    made.remove(WEB, reader)
    await asyncio.sleep(0.1)
    assert (len(made), list(made.readers(WEB)), made.pending) == (0, [], set())
