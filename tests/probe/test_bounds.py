"""How many probes run and wait, whose turn it is, and how they end before their time."""

import asyncio
import resource
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.probe.asking import found, http, tcp
from tests.probe.instances import instance, mute, nobody, unreachable

from muster.model.check import Answer
from muster.probe import Probes
from muster.registry.prober import Finding, Target

SHUTTING_DOWN = found(Answer.UNASKED, "shutting down")


@pytest.fixture
async def narrow() -> AsyncIterator[Probes]:
    """Room for one probe, one urgent one beside it, and three that wait."""
    probes = Probes(allow_loopback=True, in_flight=1, in_flight_urgent=1, waiting=3)
    yield probes
    probes.close()


@pytest.fixture
def nowhere() -> Iterator[Target]:
    """Asked, it takes up its place for ever."""
    with unreachable() as port:
        yield tcp(port, timeout=600)


class Findings:
    """Started probes' findings, by name, in the order of their coming."""

    def __init__(self, probes: Probes) -> None:
        self.probes = probes
        self.came: list[tuple[str, Finding]] = []
        self._more = asyncio.Event()

    def start(self, name: str, target: Target, *, urgent: bool = False) -> None:
        def done(finding: Finding) -> None:
            self.came.append((name, finding))
            self._more.set()

        self.probes.start(target, done, urgent=urgent)

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(10):
            while len(self.came) < count:
                self._more.clear()
                await self._more.wait()
        return [name for name, _ in self.came]


async def settle() -> None:
    """Let the loop do what is due."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_start_only_queues(narrow: Probes, nowhere: Target) -> None:
    Findings(narrow).start("one", nowhere)
    assert (narrow.in_flight, narrow.waiting) == (0, 1)
    await settle()
    assert (narrow.in_flight, narrow.waiting) == (1, 0)


async def test_what_has_no_place_waits_and_what_cannot_wait_is_unasked(
    narrow: Probes, nowhere: Target
) -> None:
    findings = Findings(narrow)
    findings.start("running", nowhere)
    await settle()
    for name in ("second", "third", "fourth", "one too many"):
        findings.start(name, nowhere)
    assert findings.came == []
    await findings.until(1)
    assert findings.came == [("one too many", found(Answer.UNASKED, "too many probes are waiting"))]
    assert (narrow.in_flight, narrow.waiting) == (1, 3)


async def test_an_urgent_probe_finds_room_beside_slow_checks(narrow: Probes, nowhere: Target) -> None:
    findings = Findings(narrow)
    findings.start("slow", nowhere)
    findings.start("slow too", nowhere)
    with nobody() as port:
        findings.start("suspicion", tcp(port), urgent=True)
        assert await findings.until(1) == ["suspicion"]
    assert (narrow.in_flight, narrow.waiting) == (1, 1)


async def test_urgent_probes_go_first_and_a_place_goes_to_the_next() -> None:
    probes = Probes(allow_loopback=True, in_flight=1, in_flight_urgent=0)
    findings = Findings(probes)
    with nobody() as port:
        for name in ("a", "b", "c"):
            findings.start(name, tcp(port), urgent=name == "c")
        assert await findings.until(3) == ["c", "a", "b"]
    probes.close()


async def test_a_cancelled_probe_gives_its_place_away_and_tells_nobody(
    narrow: Probes, nowhere: Target
) -> None:
    findings = Findings(narrow)
    attempt = narrow.start(nowhere, lambda finding: pytest.fail("was told"))
    waiting = narrow.start(nowhere, lambda finding: pytest.fail("was told"))
    await settle()
    with nobody() as port:
        findings.start("next", tcp(port))
        attempt.cancel()
        waiting.cancel()
        attempt.cancel()
        assert await findings.until(1) == ["next"]
    assert (narrow.in_flight, narrow.waiting) == (0, 0)


async def test_cancelling_the_await_cancels_the_probe(probes: Probes, nowhere: Target) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await probes.probe(nowhere)
    assert probes.in_flight == 0


async def test_closing_ends_every_probe(narrow: Probes, nowhere: Target) -> None:
    findings = Findings(narrow)
    findings.start("running", nowhere)
    await settle()
    findings.start("waiting", nowhere)
    narrow.close()
    assert dict(findings.came) == {"running": SHUTTING_DOWN, "waiting": SHUTTING_DOWN}
    assert await narrow.probe(nowhere) == SHUTTING_DOWN


async def test_a_listener_that_fails_does_not_cost_a_place(narrow: Probes) -> None:
    """What `done` raises goes to the loop's handler, as from any callback."""
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: raised.append(context["exception"])
    )

    def fails(finding: Finding) -> None:
        raise ZeroDivisionError

    with nobody() as port:
        narrow.start(tcp(port), fails)
        assert (await narrow.probe(tcp(port))).answer is Answer.REFUSED
    assert [type(error) for error in raised] == [ZeroDivisionError]
    assert narrow.in_flight == 0


async def test_names_that_hang_leave_those_behind_them_unasked() -> None:
    release = threading.Event()

    def hangs(name: str) -> list[str]:
        release.wait(10)
        return []

    probes = Probes(allow_loopback=True, lookup=hangs)
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(probes.probe(tcp(1, host=f"n{n}.test", timeout=0.3))) for n in range(20)]
    release.set()
    answers = sorted(task.result().answer for task in asked)
    assert answers == [Answer.SILENT] * 16 + [Answer.UNASKED] * 4
    probes.close()


async def test_no_descriptors_left_is_our_fault(probes: Probes) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with instance(mute) as port:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            finding = await probes.probe(http(port))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert finding == found(Answer.UNASKED, "could not ask: too many open files")


async def test_every_connection_is_hung_up(probes: Probes) -> None:
    hung_up = asyncio.Semaphore(0)

    async def counts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        hung_up.release()

    async with instance(counts) as port:
        still_running = probes.start(http(port), lambda finding: None)
        cancelled = probes.start(http(port), lambda finding: pytest.fail("was told"))
        await asyncio.gather(*(probes.probe(http(port, timeout=0.05)) for _ in range(50)))
        cancelled.cancel()
        async with asyncio.timeout(10):
            for _ in range(51):
                await hung_up.acquire()
        assert probes.in_flight == 1
        still_running.cancel()
