"""One etcd for the tests of a session that do it no harm; each has a prefix of its own."""

from collections.abc import Iterator

import pytest
from tests.etcd import Cluster, Etcd


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    cluster = Cluster(tmp_path_factory.mktemp("etcd")).start()
    yield cluster.members[0]
    cluster.stop()
