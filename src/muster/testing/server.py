"""A real registry inside the process that tests it: on a thread and an event loop of its own, at a port of the kernel's choosing.

    with LocalRegistry() as registry:
        requests.get(registry.url + "/v1/services")
        registry.do(lambda running: running.registry.revision)

Nothing is faked but what is handed in: a store that fails on purpose, a prober with a script.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from muster.registry.prober import Prober
from muster.registry.store import Store
from muster.server.app import Running, running
from muster.server.settings import Address, Settings, StoreName
from muster.server.sockets import listening, named

T = TypeVar("T")

START_S = 30.0
LOOPBACK = Address("127.0.0.1", 0)
FORGETFUL = Settings(listen=LOOPBACK, store=StoreName("memory"))


class LocalRegistry:
    """`settings` are those of `muster serve`; `store` and `prober` take the place of the ones they name. An entered one serves
    until it is left; `url`, `host` and `port` say where."""

    def __init__(
        self, settings: Settings = FORGETFUL, *, store: Store | None = None, prober: Prober | None = None
    ) -> None:
        self._settings = settings
        self._store = store
        self._prober = prober
        self._up = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._running: Running | None = None
        self.host, self.port = settings.listen

    def __repr__(self) -> str:
        return f"<LocalRegistry {self.host}:{self.port}>"

    @property
    def url(self) -> str:
        assert self._running is not None, "not entered"
        return self._running.url

    @property
    def dns(self) -> Address:
        """Where its name server is, if the settings have one."""
        assert self._running is not None, "not entered"
        assert self._running.dns is not None, "no name server"
        return self._running.dns

    def do(self, work: Callable[[Running], T]) -> T:
        """What `work` returns, called on the registry's own loop."""
        assert self._loop is not None, "not entered"

        async def call() -> T:
            assert self._running is not None, "not entered"
            return work(self._running)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(START_S)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._up.wait(START_S):
            raise TimeoutError(f"no registry after {START_S:g} s")
        self._raise()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S)
        self._raise()

    def _raise(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that waits
            self._failure = failure
        finally:
            self._up.set()

    async def _serve(self) -> None:
        bound = listening(self._settings.listen)
        dns = named(self._settings.dns) if self._settings.dns else None
        async with running(self._settings, [bound], dns, store=self._store, prober=self._prober) as inside:
            self._loop = asyncio.get_running_loop()
            self._running = inside
            self.host, self.port = bound.getsockname()[:2]
            self._up.set()
            await self._stop.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
