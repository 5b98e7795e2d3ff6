"""A fake registry, and instances that answer."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.integrations.calling.instances import Instance
from tests.integrations.calling.traced import Traced

from muster.client import Discovery
from muster.testing import FakeRegistry

Web = Callable[..., list[Instance]]
Found = Callable[..., Discovery]


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def web(registry: FakeRegistry) -> Iterator[Web]:
    """`web(3)`: three instances of `web`, registered."""
    with ExitStack() as stack:

        def start(count: int, **options: Any) -> list[Instance]:
            started = [stack.enter_context(Instance(**options)) for _ in range(count)]
            for instance in started:
                registry.add("web", port=instance.port)
            return started

        yield start


@pytest.fixture
def find(registry: FakeRegistry) -> Iterator[Found]:
    """`find(policy)`: a Discovery that knows `web`."""
    with ExitStack() as stack:

        def start(policy: Any = None, **options: Any) -> Discovery:
            given = {"policies": {"web": policy} if policy else {}} | options
            discovery = stack.enter_context(Discovery(registry.url, ["web"], **given))
            discovery.wait_ready()
            return discovery

        yield start


@pytest.fixture
def traced() -> Traced:
    return Traced()
