"""Takes the place of py-consul's own conftest.py, which starts Consul in containers: each of its tests gets a registry of ours,
at the port where these tests look for an agent.

Script checks are the one thing that is changed in what they say: the registry never runs a script, so one is a TTL check here.
"""

from collections import namedtuple
from collections.abc import Iterator

import consul.check
import pytest

from muster.server.settings import Address, Settings
from muster.testing.server import LocalRegistry

Instance = namedtuple("Instance", ["container", "port", "version"])
PORT = 8500


@pytest.fixture
def consul_instance() -> Iterator[Instance]:
    with LocalRegistry(Settings(listen=Address("127.0.0.1", PORT), store="memory")):
        yield Instance(None, PORT, "1.20.6")


@pytest.fixture
def consul_port(consul_instance: Instance) -> tuple[int, str]:
    return consul_instance.port, consul_instance.version


def script(args: object, interval: object, deregister: object = None) -> dict[str, object]:
    return {"ttl": "30s"}


consul.check.Check.script = staticmethod(script)
