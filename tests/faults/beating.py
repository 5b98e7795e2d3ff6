"""Instances that go on renewing, as well as they can, whatever happens to their registry."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator, Sequence

from tests.httpapi.asking import Caller


@contextlib.contextmanager
def beating(port: int, ids: Sequence[str], every: float) -> Iterator[None]:
    """Renew `ids` every `every` s until the block ends; what fails is tried again at the next beat."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(every):
            with contextlib.suppress(OSError, http.client.HTTPException), Caller("127.0.0.1", port) as caller:
                caller.ask("POST", "/v1/heartbeats", {"heartbeats": [{"instance_id": id} for id in ids]})

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
