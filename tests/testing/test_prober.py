"""The scripted prober keeps the port's promises."""

import asyncio

from muster.model.check import Answer
from muster.registry.prober import Finding, Prober, TcpTarget
from muster.testing.prober import Asked, ScriptedProber

TARGET = TcpTarget(host="10.0.0.1", port=80, timeout=1)


async def test_it_answers_from_the_script() -> None:
    prober: Prober = ScriptedProber(otherwise=Answer.SILENT)
    assert (await prober.probe(TARGET)).answer is Answer.SILENT


async def test_it_remembers_what_it_was_asked() -> None:
    prober = ScriptedProber()
    await prober.probe(TARGET, urgent=True)
    assert prober.asked == [Asked(TARGET, urgent=True)]


async def test_a_port_that_says_nothing_leaves_its_probes_open() -> None:
    prober = ScriptedProber()
    prober.says("10.0.0.1", 80, None)
    found: list[Finding] = []
    prober.start(TARGET, found.append)
    cancelled = prober.start(TARGET, found.append)
    await asyncio.sleep(0)
    assert found == []
    cancelled.cancel()
    prober.says("10.0.0.1", 80, Answer.REFUSED)
    assert [finding.answer for finding in found] == [Answer.REFUSED]
