"""Every test of a probe runs on uvloop, which we ship with, and on asyncio's own loop, which must do as well."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import trustme
import uvloop

from muster.probe import Probes


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def probes() -> AsyncIterator[Probes]:
    probes = Probes(allow_loopback=True)
    yield probes
    probes.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()
