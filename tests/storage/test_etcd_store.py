"""The store on etcd obeys the contract, against a real etcd."""

from itertools import count

import pytest
from tests.etcd import Etcd
from tests.storage.contract import MakeStore, StoreContract

from muster.registry.store import Store
from muster.storage.etcd.location import parse
from muster.storage.etcd.store import EtcdStore

_prefixes = count()


class TestEtcdStore(StoreContract):
    most_writes = 100

    @pytest.fixture
    def make_store(self, etcd: Etcd) -> MakeStore:
        async def make(**options: int) -> Store:
            return await EtcdStore.open(parse(f"etcd://{etcd.target}/contract/{next(_prefixes)}"), **options)

        return make
