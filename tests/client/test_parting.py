"""Leaving a registry that answers, and one that does not."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from tests.client.conftest import QUICK

from muster.client import RegisterBody, Registrar, parting
from muster.testing import FakeRegistry


@pytest.fixture
def registrar(registry: FakeRegistry) -> Iterator[Registrar]:
    body = RegisterBody(service="web", port=1, instance_id="web-1")
    registrar = Registrar(registry.url, body, timing=replace(QUICK, request=20.0))
    registrar.wait_registered()
    registry.wait(lambda: registrar.status().session)
    yield registrar
    registry.hang(hanging=False)
    registrar.close()


def test_drained_and_gone(registry: FakeRegistry, registrar: Registrar) -> None:
    assert parting.drain(registrar, 5.0).safe
    assert parting.leave(registrar) == ""
    assert registry.holdings.get("web-1") is None


def test_a_registry_that_hangs_is_not_waited_for(registry: FakeRegistry, registrar: Registrar) -> None:
    registry.hang()
    assert parting.drain(registrar, 0.0).error == "the registry did not answer the drain"
    assert parting.leave(registrar) == ""


def test_a_registry_that_is_away_is_told_of(registry: FakeRegistry, registrar: Registrar) -> None:
    registry.stop()
    registry.wait(lambda: not registry.sessions)
    assert not parting.drain(registrar, 5.0).safe
    assert "no registry answered" in parting.leave(registrar)
