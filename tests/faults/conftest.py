"""A real registry in its own process, for whatever can happen to processes, disks, clocks and networks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.httpapi.asking import Caller
from tests.httpapi.streaming import Stream

from muster.testing.process import RegistryProcess


@pytest.fixture
def process(tmp_path: Path) -> Iterator[RegistryProcess]:
    with RegistryProcess(tmp_path / "data") as process:
        yield process


@pytest.fixture
def caller(process: RegistryProcess) -> Iterator[Caller]:
    with Caller("127.0.0.1", process.port) as caller:
        yield caller


@pytest.fixture
def watch(process: RegistryProcess) -> Iterator[Callable[[str], Stream]]:
    opened: list[Stream] = []

    def open_(query: str) -> Stream:
        opened.append(Stream("127.0.0.1", process.port, f"/v1/watch?{query}"))
        return opened[-1]

    yield open_
    for stream in opened:
        stream.close()
