"""gunicorn: hooks for its configuration file, for every kind of worker, with and without --preload.

    from muster.integrations.gunicorn import Hooks

    when_ready, post_fork, post_worker_init, on_exit = Hooks(RegisterBody(service="orders", port=8080))

The arbiter registers, because it lives as long as the server does and is the one that SIGTERM is sent to: it would close
the sockets first of all. Threads do not survive a fork, so workers have nothing of it but the end of a pipe, into which
the first one that is ready writes.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from muster.model import limits
from muster.wire.registration import RegisterBody

from .description import describe
from .membership import Membership
from .process import VARIABLE, may_register
from .sigterm import HeldBack

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker


class _Entry:
    """What the arbiter keeps. It hangs on the arbiter and not on the hooks, because a reload makes new hooks."""

    def __init__(self, membership: Callable[[Callable[[], bool]], Membership]) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.membership = membership(self._readable)

    def worker_is_ready(self) -> None:
        try:
            os.write(self._write, b".")
        except BlockingIOError:
            pass  # it has been said often enough

    def _readable(self) -> bool:
        return bool(select.select([self._read], [], [], 0)[0])


class Hooks:
    """In this order: `when_ready`, `post_fork`, `post_worker_init`, `on_exit`. `instance`: what the environment does not say;
    the port is that of `bind` if nobody says otherwise. `limit` in seconds bounds what SIGTERM is held back for."""

    def __init__(
        self,
        instance: RegisterBody | None = None,
        *,
        urls: str | None = None,
        drain_wait: float = limits.DRAIN_WAIT_S,
        limit: float = limits.RUN_LIMIT_S,
    ) -> None:
        self._instance = instance
        self._urls = urls
        self._drain_wait = drain_wait
        self._limit = limit

    def __iter__(self) -> Iterator[Callable[..., None]]:
        return iter((self.when_ready, self.post_fork, self.post_worker_init, self.on_exit))

    def when_ready(self, server: Arbiter) -> None:
        """The sockets are open, and nobody accepts yet. Raises ValueError, `Rejected`: gunicorn does not start then."""
        if not may_register(otherwise=True):
            return
        described = describe(self._instance, urls=self._urls, port=_port(server.cfg.address))
        server.muster = _Entry(
            lambda ready: Membership(described, ready=ready, drain_wait=self._drain_wait, limit=self._limit)
        )
        server.muster.membership.start()
        HeldBack(server.muster.membership.depart)

    def post_fork(self, server: Arbiter, worker: Worker) -> None:
        """What the application would register by itself is registered already."""
        worker.muster = getattr(server, "muster", None)
        os.environ[VARIABLE] = "0"

    def post_worker_init(self, worker: Worker) -> None:
        """The application is loaded."""
        if worker.muster is not None:
            worker.muster.worker_is_ready()

    def on_exit(self, server: Arbiter) -> None:
        """For ends that were not drained: SIGINT, SIGQUIT, no worker that boots."""
        if entry := getattr(server, "muster", None):
            entry.membership.leave()


def _port(addresses: list[Any]) -> int | None:
    """Of the first TCP address; a unix socket's is a path."""
    return next((each[1] for each in addresses if isinstance(each, tuple)), None)
