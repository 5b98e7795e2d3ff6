"""A history of many writers and watchers against what was promised to them.

Each watcher by itself is `follower.py`. Here:

    atomic         what was committed together is seen together
    bookmarkable   everything at or below a mark, or a state's revision, has been told
    agreed         whoever tells of a service at the same revision tells the same
    reliable       whoever watched to the end holds what there is
    lost           what was acknowledged is there, or something its registrar said later
    expired        who was renewed all the time has not left
    dead           who fell silent has

Folding is allowed: a state may be skipped, never changed. `forgotten`: moments (from, to) between which what was acknowledged may be gone,
because etcd was put back to what it was before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.cuts.follower import Follower, State, View, Violation, position
from tests.cuts.notes import DEAD, LIVE, Ending, Note, Opened, Refused, Told, Wrote

Interval = tuple[float, float]
NEVER: Interval = (0.0, 0.0)


class Writes:
    """What was acknowledged, by (epoch, service), in the order of revisions."""

    def __init__(self, notes: Iterable[Wrote]) -> None:
        self.last: dict[tuple[str, str], Wrote] = {}
        self._by: defaultdict[tuple[str, str], list[Wrote]] = defaultdict(list)
        for note in notes:
            self._by[note.epoch, note.service].append(note)
            self.last[note.service, note.id] = max(
                note, self.last.get((note.service, note.id), note), key=_serial
            )
        for of in self._by.values():
            of.sort(key=_generation)

    def between(self, epoch: str, service: str, after: int, to: int) -> list[Wrote]:
        of = self._by.get((epoch, service), [])
        return of[bisect_right(of, after, key=_generation) : bisect_right(of, to, key=_generation)]


def violations(notes: Iterable[Note], *, forgotten: Interval = NEVER) -> list[Violation]:
    """Everything that broke a promise, in the order of the history."""
    notes = list(notes)
    wrote = [note for note in notes if isinstance(note, Wrote)]
    kept = [note for note in wrote if not forgotten[0] <= note.at <= forgotten[1]]
    checker = _Checker(Writes(kept))
    return [broken for note in notes for broken in checker.take(note)] + list(checker.end())


class _Checker:
    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._followers: dict[str, Follower] = {}
        self._checked: dict[tuple[str, str, str], int] = {}
        self._states: dict[tuple[str, str, int], tuple[str, frozenset[object]]] = {}
        self._endings: list[Ending] = []

    def take(self, note: Note) -> Iterator[Violation]:
        match note:
            case Opened():
                self._follower(note.by).open(note)
            case Told():
                yield from self._told(self._follower(note.by), note)
            case Refused():
                yield Violation("expired", note.id, note.said)
            case Ending():
                self._endings.append(note)

    def _follower(self, by: str) -> Follower:
        return self._followers.setdefault(by, Follower(by))

    def _told(self, follower: Follower, note: Told) -> Iterator[Violation]:
        yield from follower.take(note)
        yield from (
            Violation("expired", note.by, f"{id}: {why} at {note.revision}")
            for id, why in note.gone
            if id.startswith(LIVE)
        )
        if (state := follower.state) is not None:
            yield from self._up_to(follower, state.epoch, state.service, state.revision, state.view)
            yield from self._agreed(follower, state)
        if note.kind == "alive":
            for service, view in follower.services.items():
                yield from self._up_to(follower, note.epoch, service, position(note.mark)[1], view)

    def _up_to(
        self, follower: Follower, epoch: str, service: str, revision: int, view: View
    ) -> Iterator[Violation]:
        """Whatever was acknowledged up to here is in the view, or something later of the same id."""
        checked = self._checked.get((follower.by, epoch, service), 0)
        if revision <= checked:
            return
        self._checked[follower.by, epoch, service] = revision
        due = self._writes.between(epoch, service, checked, revision)
        missing = [wrote for wrote in due if not _holds(view, wrote)]
        seen = {wrote.generation for wrote in due if _holds(view, wrote)}
        for wrote in missing:
            promise = "atomic" if wrote.generation in seen else "bookmarkable"
            yield Violation(promise, follower.by, f"{wrote} is not there at {revision}")

    def _agreed(self, follower: Follower, state: State) -> Iterator[Violation]:
        key = (state.epoch, state.service, state.revision)
        held = frozenset(state.view.values())
        by, known = self._states.setdefault(key, (follower.by, held))
        if known != held:
            said = f"at {key} differs from {by}: {sorted(map(str, known ^ held))}"
            yield Violation("agreed", follower.by, said)

    # --- At the end -------------------------------------------------------------------------------------------------

    def end(self) -> Iterator[Violation]:
        endings = {(ending.replica, ending.service): ending for ending in self._endings}
        for ending in endings.values():
            yield from self._lost(ending)
            yield from self._unequal(ending, endings.values())
            yield from self._held(ending)

    def _lost(self, ending: Ending) -> Iterator[Violation]:
        there = {said.id: said.serial for said in ending.instances}
        for (service, id), wrote in self._writes.last.items():
            if service != ending.service:
                continue
            if id.startswith(DEAD):
                if id in there:
                    yield Violation("dead", ending.replica, f"{id} is still listed")
            elif there.get(id, 0) < wrote.serial:
                yield Violation("lost", ending.replica, f"{wrote}, and there is {there.get(id)}")
        yield from (
            Violation("expired", ending.replica, f"{id}: {why}")
            for id, why in ending.gone
            if id.startswith(LIVE)
        )

    def _unequal(self, ending: Ending, endings: Iterable[Ending]) -> Iterator[Violation]:
        for other in endings:
            if other.service == ending.service and other.replica > ending.replica:
                differing = set(ending.instances) ^ set(other.instances)
                if differing or ending.epoch != other.epoch:
                    said = f"{ending.service} differs at {other.replica}: {sorted(map(str, differing))}"
                    yield Violation("agreed", ending.replica, said)

    def _held(self, ending: Ending) -> Iterator[Violation]:
        for follower in self._followers.values():
            view = follower.services.get(ending.service)
            if view is not None and set(view.values()) != set(ending.instances):
                differing = sorted(map(str, set(view.values()) ^ set(ending.instances)))
                yield Violation(
                    "reliable", follower.by, f"{ending.service} ends with other instances: {differing}"
                )


def _holds(view: View, wrote: Wrote) -> bool:
    said = view.get(wrote.id)
    return wrote.id.startswith(DEAD) or (said is not None and said.generation >= wrote.generation)


def _generation(note: Wrote) -> int:
    return note.generation


def _serial(note: Wrote) -> int:
    return note.serial
