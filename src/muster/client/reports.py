"""What failed calls tell the registry: a suspicion, which it then looks into itself. It is told at once, and never twice in a row.

The registry has budgets of its own (`limits.REPORTS_PER_...`); keeping to them here saves both sides the requests.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from muster.model import limits

from .endpoint import Endpoint
from .errors import RegistryError
from .http import Access, Request, Requests, part

log = logging.getLogger(__name__)


class Ration:
    """Whom to report now: nobody twice within the window, and not more than a budget of them in it."""

    def __init__(
        self,
        window: float = limits.CLIENT_REPORT_AGAIN_S,
        most: int = limits.CLIENT_REPORTS,
    ) -> None:
        self._window = window
        self._most = most
        self._told: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Ration {len(self._told)} of {self._most}>"

    def take(self, id: str, now: float) -> bool:
        """The least recent come first, so what has left the window is at the front."""
        for old, when in list(self._told.items()):
            if now - when < self._window:
                break
            del self._told[old]
        if id in self._told or len(self._told) >= self._most:
            return False
        self._told[id] = now
        return True


class Reports:
    """The thread starts with the first report: most processes never have one."""

    def __init__(self, access: Access, clock: Callable[[], float]) -> None:
        self._requests = Requests(access, timeout=limits.CLIENT_ACK_S)
        self._possible = any(not registry.static for registry in access.registries)
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._renew()

    def __repr__(self) -> str:
        return f"<Reports, {self._ration!r}>"

    @property
    def waiting(self) -> int:
        """How many are to be told yet."""
        return self._waiting.qsize()

    def tell(self, endpoint: Endpoint) -> None:
        """From any thread. Waits for nothing. While a registry hangs, what it was not told is not kept beyond one budget of it: whoever
        still fails when it is back is reported then."""
        if not self._possible or self.waiting >= limits.CLIENT_REPORTS:
            return
        with self._lock:
            if self._over or not self._ration.take(endpoint.id, self._clock()):
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="muster-reports", daemon=True)
                self._thread.start()
        self._waiting.put((endpoint.id, endpoint.instance.generation))

    def stop(self) -> None:
        """Waits for nothing."""
        self._over = True
        self._waiting.put(None)

    def join(self, timeout: float) -> None:
        """Until the report under way is over."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def forked(self) -> None:
        self._requests.disown()
        self._requests = self._requests.anew()
        self._renew()

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._ration = Ration()
        self._waiting: SimpleQueue[tuple[str, int] | None] = SimpleQueue()
        self._thread = None
        self._over = False

    def _run(self) -> None:
        while (report := self._waiting.get()) is not None and not self._over:
            id, generation = report
            try:
                self._requests.send(
                    Request("POST", f"/instances/{part(id)}/suspect", body={"generation": generation})
                )
            except (RegistryError, OSError) as error:
                log.info("the registry was not told of a failed call to %s: %s", id, error)
        self._requests.close()
