"""One watcher's history, message by message: what it holds, and which promise of the watch contract a message breaks.

    ordered        revisions rise, of the stream and of each instance
    unique         nothing is told twice, nobody leaves twice
    resumable      a stream begins with `resumed` (nothing missing, nothing repeated), a snapshot or a reset
    reliable       the digest of what was told is that of what there is

A reset, which begins another history, overrides all of them. What depends on what others did is in `checker.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from tests.cuts.notes import Opened, Said, Told

from muster.wire import view as views

View = dict[str, Said]
FIRST = ("snapshot", "resumed", "reset")


class Violation(Struct, frozen=True):
    promise: str
    by: str
    said: str


class State(Struct, frozen=True):
    """A service as a watcher was told of it: complete, up to `revision` of `epoch`."""

    epoch: str
    service: str
    revision: int
    view: View
    why: Told


def position(mark: str) -> tuple[str, int]:
    epoch, _, revision = mark.rpartition(":")
    return epoch, int(revision or 0)


class Follower:
    """`state` is set after a message that completed one; `revision` is that of the last mark."""

    def __init__(self, by: str) -> None:
        self.by = by
        self.epoch, self.revision = "", 0
        self.services: dict[str, View] = {}
        self.at: dict[str, int] = {}
        self.state: State | None = None
        self.live = False
        """Whether the stream that is open has begun."""
        self._coming: dict[str, View] = {}
        self._after = ""

    def open(self, note: Opened) -> None:
        self._after, self.live = note.after, False
        self._coming.clear()

    def take(self, note: Told) -> Iterator[Violation]:
        """What the message breaks."""
        self.state = None
        if not self.live:
            yield from self._first(note)
        match note.kind:
            case "reset":
                self._begin_anew(note)
            case "snapshot" | "upsert" | "remove":
                yield from self._change(note)
            case "alive":
                yield from self._pulse(note)
        yield from self._mark(note)

    def _first(self, note: Told) -> Iterator[Violation]:
        self.live = True
        if note.kind not in FIRST:
            yield self._broken("resumable", f"a stream begins with {note.kind}")
        if note.kind == "resumed" and not self._after:
            yield self._broken("resumable", "a stream without a position is resumed")
        if note.kind == "resumed" and note.revision < position(self._after)[1]:
            yield self._broken("resumable", f"{self._after} is resumed at {note.revision}")

    def _begin_anew(self, note: Told) -> None:
        self.services.clear()
        self.at.clear()
        self._coming.clear()
        self.epoch, self.revision = "", 0

    def _change(self, note: Told) -> Iterator[Violation]:
        coming = self._coming.get(note.service)
        if coming is None:
            known = {} if note.kind == "snapshot" else self.services.get(note.service, {})
            coming = self._coming[note.service] = dict(known)
        for said in note.instances:
            if note.kind == "upsert":
                yield from self._upsert(note, coming.get(said.id), said)
            if said.revision > note.revision:
                yield self._broken("ordered", f"{said} within a state of revision {note.revision}")
            coming[said.id] = said
        for id, _ in note.gone:
            if coming.pop(id, None) is None:
                yield self._broken("unique", f"{id} leaves {note.service} and is not there")
        if not note.more:
            yield from self._complete(note)

    def _upsert(self, note: Told, known: Said | None, said: Said) -> Iterator[Violation]:
        if known is not None and said.revision == known.revision:
            yield self._broken("unique", f"{said} is told again at {note.revision}")
        elif known is not None and said.revision < known.revision:
            yield self._broken("ordered", f"{said} after {known}")

    def _complete(self, note: Told) -> Iterator[Violation]:
        before = self.at.get(note.service, 0)
        if note.revision < before:
            yield self._broken("ordered", f"{note.service} at {note.revision} after {before}")
        view = self.services[note.service] = self._coming.pop(note.service)
        self.at[note.service] = note.revision
        self.state = State(note.epoch, note.service, note.revision, view, note)

    def _pulse(self, note: Told) -> Iterator[Violation]:
        held = (said for view in self.services.values() for said in view.values())
        digest = f"{views.digest(views.digest_term(s.id, s.generation, s.revision) for s in held):016x}"
        if note.digest != digest:
            yield self._broken("reliable", f"the digest is {digest}, and {note.digest} at {note.revision}")

    def _mark(self, note: Told) -> Iterator[Violation]:
        if self.epoch and note.epoch != self.epoch:
            yield self._broken("ordered", f"the epoch {note.epoch} without a reset")
        self.epoch = note.epoch
        epoch, revision = position(note.mark)
        if epoch == note.epoch:  # otherwise it has none yet
            if revision < self.revision:
                yield self._broken("ordered", f"the mark {revision} after {self.revision}")
            self.revision = revision

    def _broken(self, promise: str, said: str) -> Violation:
        return Violation(promise, self.by, said)
