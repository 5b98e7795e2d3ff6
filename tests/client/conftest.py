"""A fake registry over a real socket, and callers of it that are patient with nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from muster.client import Discovery, Timing
from muster.testing import FakeRegistry

QUICK = Timing(
    connect=2.0,
    request=2.0,
    retry_first=0.02,
    retry_max=0.1,
    refused_retry_max=0.1,
    register_retry_max=0.1,
    save=0.0,
)
"""Retries at once; still patient enough with a slow machine that nothing fails by time alone."""

Follow = Callable[..., Discovery]


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry(alive_every=0.05) as registry:
        yield registry


@pytest.fixture
def follow(registry: FakeRegistry) -> Iterator[Follow]:
    """`follow("web", zone="a")`: a started Discovery, closed at the end. Of `registry`, unless `urls` says otherwise."""
    with ExitStack() as stack:

        def start(*services: str, **options: Any) -> Discovery:
            given = {"urls": registry.url, "timing": QUICK} | options
            return stack.enter_context(Discovery(services=services, **given))

        yield start


def until(discovery: Discovery, holds: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait until `holds`, looking again whenever the discovery has learned something."""
    assert discovery._board.wait(lambda: bool(holds()), timeout), discovery.status()


def ports(discovery: Discovery, service: str = "web") -> set[int]:
    return {instance.port for instance in discovery.instances(service)}
