"""A real registry for the tests of Consul's API: one for each file of tests, which keep apart by the names they use."""

from collections.abc import Iterator
from itertools import count

import pytest
from tests.httpapi.asking import Caller

from muster.server.settings import Address, Consul, Settings
from muster.testing.prober import ScriptedProber
from muster.testing.server import LocalRegistry

_numbers = count(1)
SETTINGS = Settings(listen=Address("127.0.0.1", 0), store="memory", consul=Consul(node="home"))


@pytest.fixture(scope="module")
def prober() -> ScriptedProber:
    """Says that everybody answers, until it is told otherwise."""
    return ScriptedProber()


@pytest.fixture(scope="module")
def registry(prober: ScriptedProber) -> Iterator[LocalRegistry]:
    with LocalRegistry(SETTINGS, prober=prober) as registry:
        yield registry


@pytest.fixture
def name() -> str:
    """Of a service nobody else uses; instances may be called after it."""
    return f"svc{next(_numbers)}"


@pytest.fixture
def caller(registry: LocalRegistry) -> Iterator[Caller]:
    with Caller(registry.host, registry.port) as caller:
        yield caller
