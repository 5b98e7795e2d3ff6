"""What the background thread does: read one stream, fold it, put snapshots on the board.

What was read is folded whole, then published, acknowledged, announced to callbacks, saved: the order in which each
matters. However a stream ends, the end is turned into one `Attempt`: where to go next, and when.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from random import Random
from typing import assert_never

import msgspec
from msgspec import Struct

from muster.model import limits
from muster.wire import events, sse

from .address import Registry
from .backoff import Attempt, Rounds
from .board import Board
from .errors import Lost, Refused, RegistryError
from .http import Access, Request, Requests
from .mirror import Leave, Mirrors, Resync
from .saver import Saver
from .state import Snapshot
from .status import Connection
from .stream import EventStream, connect, request_head
from .timing import Timing

log = logging.getLogger(__name__)


class Anew(Struct, frozen=True):
    """The stream is fine, but must be opened again: a service was added, or everything is fetched once more."""

    refresh: bool = False


Failure = Lost | Refused | OSError | ValueError
End = Anew | Resync | Leave | Failure


class Following:
    """One life of the thread, from `run` to `stop`. A forked child makes itself a new one. `sending`: whether a request may be on its
    way to an instance of a service that readers no longer have."""

    def __init__(
        self,
        access: Access,
        board: Board,
        saver: Saver,
        services: tuple[str, ...],
        *,
        sending: Callable[[str], bool],
        timing: Timing,
        rng: Random,
    ) -> None:
        self._access = access
        self._sending = sending
        self._board = board
        self._saver = saver
        self._wanted = services
        self._timing = timing
        self._rng = rng
        self._rounds = Rounds(len(access.registries), rng, timing)
        self._acks = Requests(access, timeout=limits.CLIENT_ACK_S)
        self._stopping = threading.Event()
        self._stream: EventStream | None = None
        self._mirrors = self._remembered()
        self._refresh_at = 0.0
        self._diverged = False
        self._withheld = False
        self.connection: Connection | None = None

    def __repr__(self) -> str:
        return f"<Following {len(self._wanted)} services of {self._access.registries[0]}>"

    @property
    def mirrors(self) -> Mirrors:
        return self._mirrors

    def want(self, services: tuple[str, ...]) -> None:
        """From any thread: follow these, old and new."""
        self._wanted = services
        self._interrupt()

    def stop(self) -> None:
        """From any thread, and at the interpreter's exit: `run` returns soon. Waits for nothing."""
        self._stopping.set()
        self._interrupt()

    def disown(self) -> None:
        """In a forked child: the connections are the parent's."""
        if stream := self._stream:
            stream.disown()
        self._acks.disown()

    def run(self) -> None:
        self._saver.sweep()
        attempt = self._rounds.begin()
        while not self._stopping.wait(attempt.after):
            attempt = self._attempt(self._access.registries[attempt.index])
        self._acks.close()
        self._saver.save_all(self._trusted)

    def _interrupt(self) -> None:
        if stream := self._stream:
            stream.abort()

    def _remembered(self) -> Mirrors:
        """Mirrors that begin with what the board has, which was whole even if whoever wrote it was not."""
        known = dict(self._board.snapshots)
        return Mirrors(self._wanted, restored=known.values())

    def _attempt(self, registry: Registry) -> Attempt:
        began = self._board.clock()
        try:
            end: End = self._follow(registry)
        except (Lost, Refused, OSError, ValueError) as failure:
            end = Anew() if self._interrupted else failure
        except Exception:  # a bug must not leave every caller of this process with a view that grows old
            log.exception("following %s failed", registry)
            self._board.counts.bugs += 1
            self._mirrors = self._remembered()
            end = ValueError("a bug: the log has the trace")
        finally:
            self.connection = None
        if self._board.clock() - began >= self._timing.steady:
            self._rounds.steady()
            self._diverged = False
        return self._next(end, registry)

    @property
    def _interrupted(self) -> bool:
        return self._stopping.is_set() or len(self._wanted) != len(self._mirrors.services)

    def _next(self, end: End, registry: Registry) -> Attempt:
        counts = self._board.counts
        match end:
            case Anew():
                counts.refreshes += end.refresh
                return self._rounds.again()
            case Resync():
                counts.diverged += 1
                log.warning("%s: fetching everything anew: %s", registry, end.reason)
                self._mirrors.forget_position()
                again, self._diverged = not self._diverged, True
                return self._rounds.again() if again else self._rounds.elsewhere()
            case Leave():
                counts.told_to_leave += 1
                return self._rounds.elsewhere()
            case Lost() | Refused() | OSError() | ValueError():
                return self._failed(end, registry)
            case _:
                assert_never(end)

    def _failed(self, failure: Failure, registry: Registry) -> Attempt:
        counts = self._board.counts
        match failure:
            case Lost(why="closed"):
                counts.closed += 1
            case Lost(why="silent"):
                counts.silent += 1
            case Lost():
                counts.malformed += 1
            case Refused():
                counts.refused += 1
            case _:
                counts.unreachable += 1
        attempt = self._rounds.elsewhere(refused=isinstance(failure, Refused))
        self._board.fail(f"{registry}: {failure}", hopeless=self._rounds.exhausted)
        log.info("%s: %s; next in %.2f s", registry, failure, attempt.after)
        return attempt

    def _follow(self, registry: Registry) -> Anew | Resync | Leave:
        self._add_wanted()
        with self._open(registry) as stream:
            while not self._interrupted:
                if self._board.clock() >= self._refresh_at:
                    self._mirrors.forget_position()
                    return Anew(refresh=True)
                end = self._take(stream.read(limits.CLIENT_SENDING_LOOK_S if self._withheld else None))
                self._tell(stream)
                if end is not None:
                    return end
        return Anew()

    def _add_wanted(self) -> None:
        for service in self._wanted:
            if service not in self._mirrors.services:
                self._mirrors.add(service, self._board.restore(service, self._saver.load(service)))

    @contextlib.contextmanager
    def _open(self, registry: Registry) -> Iterator[EventStream]:
        """A stream that has begun. Other threads can interrupt it while it is open."""
        resume = self._mirrors.resume
        query = {"service": self._mirrors.services, "ack": 1, "after": str(resume or "")}
        head = request_head(registry, self._access.target(registry, "/watch", query), self._access.headers())
        with contextlib.closing(_source(registry, self._access, self._timing)) as stream:
            self._stream = stream
            try:
                if self._interrupted:
                    raise Lost("closed", "while it was being opened")
                stream.begin(head)
                self._opened(stream, anew=resume is None)
                yield stream
            finally:
                self._stream = None

    def _opened(self, stream: EventStream, *, anew: bool) -> None:
        now = self._board.clock()
        counts = self._board.counts
        counts.streams += 1
        if anew:
            self._refresh_at = now + self._timing.refresh * self._rng.uniform(0.8, 1.2)
        self._mirrors.opened(stream.headers.get("Muster-Epoch", ""))
        self.connection = Connection(
            stream.registry.url, stream.headers.get("Muster-Subscriber", ""), since=now
        )
        self._board.succeed()

    def _take(self, messages: list[sse.Message]) -> Resync | Leave | None:
        now = self._board.clock()
        for message in messages:
            try:
                event = events.decode(message.event, message.data)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Lost("malformed", f"{message.event}: {error}") from None
            if event is None:
                continue
            self._count(event)
            if end := self._mirrors.receive(event, message.id, now):
                return end
        self._log_unreadable()
        return None

    def _log_unreadable(self) -> None:
        for what in self._mirrors.unreadable:
            self._board.counts.unreadable += 1
            log.warning("%s; what was known before holds", what)
        self._mirrors.unreadable.clear()

    def _count(self, event: events.Event) -> None:
        if isinstance(event, events.ResumedEvent):
            self._board.counts.resumed += 1
        elif isinstance(event, events.ResetEvent):
            self._board.counts.resets += 1

    def _tell(self, stream: EventStream) -> None:
        now = self._board.clock()
        snapshots = self._mirrors.publish(now)
        self._board.put(snapshots, self._mirrors.vouched)
        self._acknowledge(stream)
        self._board.announce(snapshot.service for snapshot in snapshots)
        self._keep(snapshots)

    def _acknowledge(self, stream: EventStream) -> None:
        """Tried again with the next message, as long as this stream lasts; whoever waits for it gives up by himself.

        Whoever asks takes the answer for a promise that nothing more will come. So it waits for requests that were begun before
        readers knew.
        """
        done = self._mirrors.acknowledge()
        withheld = {name: revision for name, revision in done.items() if self._sending(name)}
        self._mirrors.owe(withheld)
        self._withheld = bool(withheld)
        connection, done = self.connection, {name: done[name] for name in done.keys() - withheld.keys()}
        if connection is None or not done:
            return
        body = {"subscriber": connection.subscriber, "services": done}
        try:
            self._acks.send(Request("POST", "/acks", body=body), only=stream.registry)
            self._board.counts.acknowledged += len(done)
        except RegistryError as error:
            self._mirrors.owe(done)
            log.info("an acknowledgement was lost: %s", error)

    def _keep(self, snapshots: list[Snapshot]) -> None:
        for snapshot in snapshots:
            self._saver.changed(snapshot)
        self._saver.save_due(self._trusted)

    def _trusted(self, snapshot: Snapshot) -> bool:
        """Known to be good. Before a registry is settled, only what has instances and leaves none in doubt: an emptied
        one must not empty the disk."""
        return self._mirrors.settled or bool(snapshot.endpoints and not snapshot.unconfirmed)


def _source(registry: Registry, access: Access, timing: Timing) -> EventStream:
    """A stream from a registry, or from what is written in its place. Raises OSError."""
    if registry.static:
        from .static import StaticStream  # loaded already by whoever was given the URL

        return StaticStream(registry, access.namespace)
    return connect(registry, access, timing)
