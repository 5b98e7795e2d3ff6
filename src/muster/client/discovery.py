"""Discovery: where can the next request go? One per process, for all its threads and loops.

    with Discovery("http://127.0.0.1:8500", ["inventory"]) as discovery:
        discovery.wait_ready()
        with discovery.attempt("inventory") as attempt:
            call(f"http://{attempt.endpoint.address}/")

A background thread keeps a snapshot of every service named; `pick` looks at it and does no I/O. Nothing runs before the
first use, so an object made before a fork serves each child, and one made after it too.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from types import TracebackType
from typing import NoReturn, Self, assert_never

from msgspec.structs import asdict, replace

from muster.model import limits, names
from muster.model.policy import Policy
from muster.policy.endpoint import Place
from muster.policy.explain import Explanation
from muster.policy.rotation import Key
from muster.wire.view import InstanceView

from . import environment, fork, status
from .aside import aside
from .board import Board, Listener
from .call import Call
from .changes import Changes
from .disk import Disk
from .dispatch import Dispatch, Route
from .endpoint import Attempt, Endpoint, begun
from .errors import NoEndpoint, NotReady
from .following import Following
from .http import access
from .reports import Reports
from .saver import Saver
from .state import Absent, Bound, Failed, Mirror, Pending, Snapshot
from .status import Status
from .timing import USUAL, Timing
from .tracing import Tracing
from .traffic import Traffic


class Discovery:
    """`urls`: one registry, several, or a text with commas; or `static:` and endpoints (`static.py`). `services`: the one, or those,
    to follow from the start; others are followed from their first mention on. `zone`, `region`: the caller's own. `policies`: by
    service, obeyed in place of the default. `max_age`: seconds after which what no registry has vouched for is not used any more
    (None: it is used, however old). `token`: the token, or the path of the file it is in. `cache_dir`: where the last known
    good is kept (None: nowhere). `dotted_names`: the registry is configured to allow dots in names. `tracing` sees each attempt.
    Raises ValueError or `Rejected` for what cannot be.
    """

    def __init__(
        self,
        urls: str | Iterable[str],
        services: str | Iterable[str] = (),
        *,
        namespace: str = "default",
        zone: str = "",
        region: str = "",
        policies: Mapping[str, Policy] | None = None,
        max_age: float | None = None,
        token: str | Path | None = None,
        tls: ssl.SSLContext | None = None,
        cache_dir: str | Path | None = None,
        dotted_names: bool = False,
        tracing: Tracing | None = None,
        timing: Timing = USUAL,
        clock: Callable[[], float] = time.monotonic,
        rng: Random | None = None,
    ) -> None:
        self._access = access(urls, namespace=namespace, token=token, tls=tls, static=True)
        self._dotted_names = dotted_names
        self._services = self._distinct(services)
        if max_age is not None and not max_age > 0:
            raise ValueError(f"max_age must be more than 0 s, not {max_age:g}")
        self._max_age = max_age
        self._timing = timing
        self._rng = rng = rng or Random()  # noqa: S311 - jitter, no secret
        own = {self._name(service): policy for service, policy in (policies or {}).items()}
        reports = Reports(self._access, clock)
        self._dispatch = Dispatch(Place(zone, region), own, reports, clock=clock, rng=rng, tracing=tracing)
        self._board = Board(clock, self._dispatch.show)
        self._cache_dir = Path(cache_dir) if cache_dir is not None else None
        self._snapshots: Mapping[str, Snapshot] = self._board.snapshots
        self._traffic: Mapping[Route, Traffic] = self._dispatch.table
        self._following: Following | None = None
        self._threads: tuple[threading.Thread, ...] = ()
        self._closed = False
        self._lock = threading.Lock()
        self._abandon: Callable[[], object] | None = None

    @classmethod
    def from_env(
        cls,
        services: str | Iterable[str] = (),
        *,
        environ: Mapping[str, str] = os.environ,
        tracing: Tracing | None = None,
        timing: Timing = USUAL,
    ) -> Self:
        """Configured by MUSTER_URL and the other variables of `muster.client.environment`. Raises ValueError, OSError."""
        settings = asdict(environment.read(environ))
        return cls(settings.pop("urls"), services, tracing=tracing, timing=timing, **settings)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "running" if self._following else "not started"
        return f"<Discovery of {', '.join(self._services) or 'nothing yet'}, {state}>"

    def pick(
        self,
        service: str,
        port: str | None = None,
        *,
        key: Key | None = None,
        headers: Mapping[str, str] | None = None,
        subset: str | None = None,
        avoid: Collection[Endpoint] = (),
    ) -> Endpoint:
        """An endpoint for the next call, as the service's policy says. No I/O, no waiting. Raises `NoEndpoint`, which says why.

        That alone is no call: nobody counts it as under way, or learns how it went, unless it is made within `endpoint.attempt()`,
        or by `attempt` or `call` in place of this.

        port      the name of one, of the instance's list; None: its first
        key       what the request goes by, where the policy goes by keys; text, bytes, or a hash
        headers   of the request, for the policy's routes
        subset    by name, whatever routes and splits say
        avoid     those tried before: another one, if there is any
        """
        traffic = self._traffic.get(service if port is None else (service, port))
        if traffic is None:
            traffic = self._find(service, port)
        if self._max_age is not None:
            self._check_age(traffic)
        return traffic.pick(key, headers, subset, avoid) or self._nobody(traffic, subset)

    def attempt(
        self,
        service: str,
        port: str | None = None,
        *,
        key: Key | None = None,
        headers: Mapping[str, str] | None = None,
        subset: str | None = None,
        avoid: Collection[Endpoint] = (),
    ) -> Attempt:
        """A call of whoever `pick` chooses, begun: leave the block when it is over. Raises `NoEndpoint`."""
        return begun(partial(self.pick, service, port, key=key, headers=headers, subset=subset, avoid=avoid))

    def call(
        self,
        service: str,
        port: str | None = None,
        *,
        idempotent: bool = False,
        timeout: float | None = None,
        key: Key | None = None,
        headers: Mapping[str, str] | None = None,
        subset: str | None = None,
    ) -> Call:
        """A request with as many attempts as the policy grants, each on another instance (`call.py`). `timeout`: for all of
        them together (s); None: the policy's. The rest is as in `pick`. Raises `NoEndpoint`, ValueError."""
        traffic = self._traffic.get(service if port is None else (service, port))
        pick = partial(self.pick, service, port, key=key, headers=headers, subset=subset)
        return Call(traffic or self._find(service, port), pick, idempotent=idempotent, timeout=timeout)

    def endpoints(self, service: str, port: str | None = None) -> tuple[Endpoint, ...]:
        """Those that get a share of the calls now, for whoever balances himself. Raises `NoEndpoint` as `pick` does."""
        traffic = self._find(service, port)
        used = {endpoint.address: endpoint for endpoint, _ in traffic.shares()}
        return tuple(used.values()) or self._nobody(traffic, None)

    def shares(self, service: str, port: str | None = None) -> dict[str, float]:
        """instance id -> its part of this process's calls in the long run, by the policy and by what this process saw. Those
        that get none are left out. Raises `NoEndpoint`."""
        parts: dict[str, float] = {}
        for endpoint, share in self._find(service, port).shares():
            parts[endpoint.id] = parts.get(endpoint.id, 0.0) + share
        return parts

    def explain(self, service: str, port: str | None = None) -> list[Explanation]:
        """Why each instance is, or is not, in this process's rotation, and with which share. Raises `NoEndpoint`."""
        return self._find(service, port).explain()

    def instances(self, service: str) -> tuple[InstanceView, ...]:
        """Everything discoverable of the service. Raises `NoEndpoint` while nothing is known of it."""
        match self.mirror(service):
            case Bound(instances=instances):
                return instances
            case Absent():
                return ()
            case Pending():
                raise NoEndpoint(service, "pending")
            case Failed(reason=reason):
                raise NoEndpoint(service, "failed", detail=reason)
            case never:
                assert_never(never)

    def mirror(self, service: str) -> Mirror:
        """What is known of the service, and how old that is. Raises `NoEndpoint` if this is closed."""
        return self._board.mirror(self._follow(service))

    def wait_ready(self, timeout: float = 10.0, *services: str) -> None:
        """Until each service (those named, or all) is bound or absent, live or from disk. Raises `NotReady`; `NoEndpoint` if closed."""
        self._wait_ready(timeout, services, bool)

    async def wait_ready_async(self, timeout: float = 10.0, *services: str) -> None:  # noqa: ASYNC109
        """The same for a loop, which goes on meanwhile."""
        gone = threading.Event()
        try:
            await aside(self._wait_ready, timeout, services, gone.is_set)
        finally:  # whoever was cancelled leaves no thread behind that the loop would wait for
            gone.set()
            self._board.wake()

    def on_change(self, callback: Listener) -> Callable[[], None]:
        """Call `callback` with a service's mirror whenever it has changed, in the background thread: be brief. What it
        raises is logged. Returns what ends it."""
        end = self._board.listen(callback)
        self.start()
        return end

    def changes(self, *services: str, timeout: float | None = None) -> Changes:
        """Mirrors as they change, for `for` and `async for`."""
        wanted = self._distinct(services)
        for service in wanted:
            self._follow(service)
        return Changes(self._board, wanted, timeout, begin=self.start)

    def status(self) -> Status:
        """Everything there is to know, without starting anything."""
        following, board = self._following, self._board
        mirrors = following.mirrors if following else None
        return Status(
            running=following is not None,
            registries=tuple(registry.url for registry in self._access.registries),
            namespace=self._access.namespace,
            connection=following.connection if following else None,
            failure=board.failure,
            epoch=mirrors.epoch if mirrors else "",
            settled=mirrors.settled if mirrors else False,
            position=str(mirrors.position or "") if mirrors else "",
            cache_dir=str(self._cache_dir) if self._cache_dir else None,
            counts=replace(board.counts),
            services={
                name: status.of(
                    board.mirror(name), self._dispatch.in_rotation(name), self._dispatch.tallies(name)
                )
                for name in self._services
            },
        )

    def start(self) -> None:
        """Read what is on disk, start the thread. Needless before any other call; harmless twice."""
        with self._lock:
            if self._following is not None or self._closed or not self._services:
                return
            saver = Saver(self._disk(), self._board.counts, self._board.clock, self._timing.save)
            for service in self._services:
                if service not in self._board.snapshots:
                    self._board.restore(service, saver.load(service))
            self._launch(saver)

    def close(self) -> None:
        """Stop, and wait a little until the thread has. Afterwards `pick` raises; close twice is once."""
        with self._lock:
            following, threads = self._following, self._threads
            self._closed, self._following, self._threads = True, None, ()
            self._snapshots, self._traffic = {}, {}
        if following is not None:
            _stop(following, self._dispatch)
        self._board.end()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(self._timing.close)
        self._dispatch.join(self._timing.close)

    def forked(self) -> None:
        """In a forked child: what is known stays, the thread starts anew at the next use."""
        if self._following is not None:
            self._following.disown()
        if self._abandon is not None:
            self._abandon()
        self._following, self._threads, self._abandon = None, (), None
        self._lock = threading.Lock()
        self._rng.seed()
        self._dispatch.forked()
        self._board.forked()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await aside(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await aside(self.close)

    def _launch(self, saver: Saver) -> None:
        """The threads know nothing of this object, so that dropping the object ends them."""
        following = Following(
            self._access,
            self._board,
            saver,
            self._services,
            sending=self._dispatch.sending,
            timing=self._timing,
            rng=self._rng,
        )
        self._threads = (
            threading.Thread(target=following.run, name="muster-discovery", daemon=True),
            threading.Thread(target=self._dispatch.run, name="muster-pickers", daemon=True),
        )
        self._abandon = weakref.finalize(self, _stop, following, self._dispatch).detach
        fork.notice(self)
        for thread in self._threads:
            thread.start()
        self._following = following

    def _wait_ready(self, timeout: float, services: tuple[str, ...], gone: Callable[[], bool]) -> None:
        wanted = [self._follow(service) for service in self._distinct(services) or self._services]
        self.start()
        self._board.wait(lambda: self._closed or gone() or self._board.known(wanted), timeout)
        unknown = {name: self._board.why(name) for name in wanted if not self._board.known((name,))}
        if unknown:
            raise NoEndpoint(min(unknown), "closed") if self._closed else NotReady(unknown, timeout)

    def _find(self, service: str, port: str | None) -> Traffic:
        """The traffic there, if anything is known of the service; also where there is no thread yet, and for another spelling."""
        name = self._follow(service)
        snapshot = self._snapshots.get(name)
        if snapshot is None:
            why = self._board.why(name)
            raise NoEndpoint(name, "pending") if why == "pending" else NoEndpoint(name, "failed", detail=why)
        return self._dispatch.find(snapshot, port)

    def _check_age(self, traffic: Traffic) -> None:
        if self._max_age is not None and (age := self._board.age(traffic.service) or 0.0) > self._max_age:
            traffic.count("too_old")
            raise NoEndpoint(traffic.service, "too_old", age=age)

    def _nobody(self, traffic: Traffic, subset: str | None) -> NoReturn:
        raise traffic.nobody(subset, self._board.age(traffic.service))

    def _follow(self, service: str) -> str:
        """See to it that the service is followed; its name as the registry has it."""
        name = service if service in self._snapshots else self._name(service)
        if self._closed:
            raise NoEndpoint(name, "closed")
        if name not in self._services:
            with self._lock:
                self._services = self._distinct((*self._services, name))
                if self._following is not None:
                    self._following.want(self._services)
        if self._following is None:
            self.start()
        return name

    def _distinct(self, services: str | Iterable[str]) -> tuple[str, ...]:
        """Raises ValueError, or `Rejected` for a name that no service can have."""
        listed = (services,) if isinstance(services, str) else services
        wanted = tuple(dict.fromkeys(self._name(service) for service in listed))
        if len(wanted) > limits.WATCH_SERVICES:
            raise ValueError(f"one Discovery follows {limits.WATCH_SERVICES} services, not {len(wanted)}")
        return wanted

    def _name(self, service: str) -> str:
        """As the registry has it. Checked here, because a registry refuses a stream for one wrong name among many."""
        return names.service_name(service, dots=self._dotted_names)

    def _disk(self) -> Disk | None:
        urls = (one.url for one in self._access.registries)
        return Disk(self._cache_dir, urls, self._access.namespace) if self._cache_dir else None


def _stop(following: Following, dispatch: Dispatch) -> None:
    following.stop()
    dispatch.stop()
