"""Our answers and a real agent's, held against the same facts: each by itself shows whether the other still is what was seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.consul.conftest import SETTINGS
from tests.consul.observed import SCENARIOS, Exchange
from tests.consul.real import running
from tests.httpapi.asking import Answer, Caller

from muster.testing.prober import ScriptedProber
from muster.testing.server import LocalRegistry

PATIENCE_S = 10.0
EVERY = {"vary": "Accept-Encoding", "x-consul-default-acl-policy": "allow"}


def contains(whole: Any, part: Any) -> bool:
    """Whether `whole` says all that `part` does. Lists have the same length."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and contains(whole[name], part[name]) for name in part
        )
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)


def as_it_was_seen(answer: Answer, fact: Exchange) -> bool:
    headers = EVERY | {name.replace("_", "-"): value for name, value in fact.headers.items()}
    if answer.status != fact.status or not contains(dict(answer.headers), headers):
        return False
    if isinstance(fact.said, str):
        return answer.body.decode().rstrip("\n") == fact.said
    return fact.said is None or contains(answer.json, fact.said)


def follow(caller: Caller, facts: list[Exchange]) -> None:
    """An agent tells its servers of a change a moment later, so what is read may take one too."""
    for fact in facts:
        end = time.monotonic() + PATIENCE_S
        while not as_it_was_seen(answer := caller.ask(fact.method, fact.path, fact.body), fact):
            assert fact.method == "GET", (fact, answer)
            assert time.monotonic() < end, (fact, answer)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_registry_answers_as_an_agent_was_seen_to(scenario: str) -> None:
    with (
        LocalRegistry(SETTINGS, prober=ScriptedProber()) as registry,
        Caller(registry.host, registry.port) as caller,
    ):
        follow(caller, SCENARIOS[scenario])


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_real_agent_answers_so(scenario: str, agent: Caller) -> None:
    follow(agent, SCENARIOS[scenario])


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with running(tmp_path_factory.mktemp("consul")) as port, Caller("127.0.0.1", port) as caller:
        yield caller
