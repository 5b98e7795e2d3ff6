"""Fixtures for pytest, there wherever Muster is installed: nothing to import, nothing to configure.

    def test_it_calls_whoever_is_there(muster_registry):
        muster_registry.add("inventory", port=8080)
        assert orders.inventory_url() == "http://127.0.0.1:8080/"

pytest loads this in every run of every project that has Muster, so it loads nothing itself before a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .clock import ManualClock
    from .registry import FakeRegistry


@pytest.fixture
def muster_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:  # noqa: TID251 - the environment is how programs are told
    """An empty registry in memory, over a real socket. MUSTER_URL leads there, and nothing is kept on disk."""
    from .registry import FakeRegistry

    with FakeRegistry() as registry:
        monkeypatch.setenv("MUSTER_URL", registry.url)
        monkeypatch.setenv("MUSTER_CACHE_DIR", "")
        for other in ("MUSTER_NAMESPACE", "MUSTER_TOKEN", "MUSTER_TOKEN_FILE", "MUSTER_CA_FILE"):
            monkeypatch.delenv(other, raising=False)
        yield registry


@pytest.fixture
def muster_clock() -> ManualClock:
    """A clock that stands still until it is advanced, for whatever takes a `clock`."""
    from .clock import ManualClock

    return ManualClock()
