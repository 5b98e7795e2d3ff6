"""A rolling restart of every instance under a steady load from all kinds of callers: no call fails, idempotent or not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.proof.notes import Called, failed
from tests.proof.town import GRPC_SERVER, SERVER, Town, names

CALLERS = ("httpx", "requests", "httpx-async", "aiohttp", "httpx2", "httpx2-async", "prefork")
GRPC_CALLERS = ("grpc", "grpc-async")


def rolled(town: Town, rounds: int, callers: set[str]) -> None:
    for _ in range(rounds):
        for member in town.members.values():
            member.stop()
            again = time.monotonic()
            member.start()
            town.notes.until_picked(member.name, callers, since=again)


@pytest.mark.parametrize(
    ("instances", "rounds", "callers", "server"),
    [
        pytest.param(3, 1, ("requests", "aiohttp", "httpx2"), SERVER, id="slice"),
        pytest.param(3, 1, ("grpc-async",), GRPC_SERVER, id="slice of gRPC"),
        pytest.param(5, 2, CALLERS, SERVER, id="whole", marks=pytest.mark.slow),
        pytest.param(5, 2, GRPC_CALLERS, GRPC_SERVER, id="whole of gRPC", marks=pytest.mark.slow),
    ],
)
def test_a_rolling_restart_fails_no_call(
    tmp_path: Path, instances: int, rounds: int, callers: tuple[str, ...], server: tuple[str, ...]
) -> None:
    with Town(tmp_path) as town:
        town.serve(*(f"web-{n}" for n in range(1, instances + 1)), server=server)
        town.call(*callers)
        by = set(names(*callers))
        for name in town.members:
            town.notes.until_picked(name, by)
        rolled(town, rounds, by)
        town.hush()
        calls = [note for note in town.notes.since() if isinstance(note, Called)]
    print(
        f"{len(calls)} calls, at most {max(call.took for call in calls):.2f} s long, while {instances} instances were"
    )
    print(f"restarted {rounds} times: {len(failed(calls))} failed")
    assert failed(calls) == []
