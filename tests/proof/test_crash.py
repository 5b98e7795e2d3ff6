"""One of the instances is killed, with its wrapper, under a steady load: callers lose nothing that can be asked again, and those who
never call it hear of it from the registry."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.proof.notes import Called, failed, last_picked
from tests.proof.town import GRPC_SERVER, SERVER, Town, names

CALLERS = ("httpx", "requests", "httpx-async", "aiohttp", "httpx2", "httpx2-async", "prefork")
GRPC_CALLERS = ("grpc", "grpc-async")
BYSTANDER = "picks"
SLACK_S = 5.0
"""For the default run, where the machine has more to do."""


@pytest.mark.parametrize(
    ("callers", "bound", "server"),
    [
        pytest.param(("requests", "httpx2-async"), SLACK_S, SERVER, id="slice"),
        pytest.param(("grpc",), SLACK_S, GRPC_SERVER, id="slice of gRPC"),
        pytest.param(CALLERS, 0.5, SERVER, id="whole", marks=pytest.mark.slow),
        pytest.param(GRPC_CALLERS, 0.5, GRPC_SERVER, id="whole of gRPC", marks=pytest.mark.slow),
    ],
)
def test_a_crash_costs_no_idempotent_call(
    tmp_path: Path, callers: tuple[str, ...], bound: float, server: tuple[str, ...]
) -> None:
    with Town(tmp_path) as town:
        town.serve(*(f"web-{n}" for n in range(1, 6)), server=server)
        town.call(*callers, BYSTANDER)
        by = {*names(*callers), BYSTANDER}
        for name in town.members:
            town.notes.until_picked(name, by)
        killed = time.monotonic()
        town.members["web-3"].kill()
        town.notes.until_called(400, since=killed + bound)
        town.hush()
        notes = town.notes.since(killed - 2)
    used = {caller: at - killed for caller, at in last_picked(notes, "web-3").items()}
    calls = [note for note in notes if isinstance(note, Called)]
    print(
        f"last chosen after the kill (s): { ({caller: round(after, 3) for caller, after in used.items()}) }"
    )
    print(f"{len(calls)} calls, failed: {[call.said for call in failed(calls)]}")
    assert failed(calls, "GET") == []
    assert used[BYSTANDER] <= bound
