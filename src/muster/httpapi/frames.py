"""The frames of watch streams: encoded once per change and view, shared by every stream that needs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from muster.core.feed import Feed
from muster.core.state import Change, Entry, View
from muster.model import limits
from muster.wire import events, sse
from muster.wire.filters import Filter


class Frames:
    """One state of one service as chunks for the wire: all of it, but for the id its last message may carry."""

    __slots__ = ("_marked", "first", "last")

    def __init__(self, messages: Sequence[tuple[str, bytes]]) -> None:
        *first, last = messages
        self.first = b"".join(sse.chunk(sse.frame(name, body)) for name, body in first)
        self.last = last
        self._marked: dict[str, bytes] = {}

    def marked(self, id: str) -> bytes:
        """The bytes, the last message carrying `id`. Streams of one service all ask for the same."""
        found = self._marked.get(id)
        if found is None:
            if len(self._marked) >= limits.IDS_PER_FRAME:
                self._marked.clear()
            found = self.first + sse.chunk(sse.frame(*self.last, id))
            self._marked[id] = found
        return found


class LatestFrames:
    """The frames that go with no snapshot: `alive` for all streams that stand at one place and hold the same, `policy` for all of a
    service. The latest are kept."""

    def __init__(self) -> None:
        self.alive = lru_cache(limits.ALIVE_FRAMES)(_alive)
        self.policy = lru_cache(limits.POLICY_FRAMES)(_policy)


def _alive(epoch: str, low: int, digest: int, settled: bool) -> bytes:
    name, body = events.encode(events.AliveEvent(low, f"{digest:016x}", settled))
    return sse.chunk(sse.frame(name, body, f"{epoch}:{low}"))


def _policy(service: str, revision: int, document: bytes | None) -> bytes:
    plain = None if document is None else msgspec.json.decode(document)
    return sse.chunk(sse.frame(*events.encode(events.PolicyEvent(service, revision, plain))))


def snapshot(view: View, *, settled: bool) -> Frames:
    """The whole view, in pages."""
    return view.once(f"snapshot {settled}", lambda: Frames(list(_pages(view, settled))))


def _pages(view: View, settled: bool) -> Iterator[tuple[str, bytes]]:
    entries = view.entries
    for start in range(0, max(len(entries), 1), limits.SNAPSHOT_PAGE):
        page = entries[start : start + limits.SNAPSHOT_PAGE]
        body = events.snapshot_body(
            view.key.name,
            view.revision,
            (entry.json for entry in page),
            exists=view.exists,
            settled=settled,
            more=start + limits.SNAPSHOT_PAGE < len(entries),
        )
        yield "snapshot", body


Delta = Frames | Literal["unchanged", "too far"]
"""What leads from a revision to a view. `unchanged`: nothing in the view is different. `too far`: not all of the changes are kept, or
they are more than a fresh snapshot, which is made for everybody and not for this one reader."""


def delta(view: View, filter: Filter, feed: Feed, since: int) -> Delta:
    return view.once(f"delta {since}", lambda: _delta(view, filter, feed, since))


def _delta(view: View, filter: Filter, feed: Feed, since: int) -> Delta:
    changes = feed.since(view.key, since)
    if changes is None or (len(changes) > limits.CHANGES_BEHIND and len(changes) > len(view.entries)):
        return "too far"
    folded = _fold(changes)
    upserts = [after for _, after in folded if after is not None and _admits(filter, after)]
    gone = [
        events.Gone(before.id, _why(filter, after))
        for before, after in folded
        if before is not None and _admits(filter, before) and not (after and _admits(filter, after))
    ]
    return _messages(view, upserts, gone, existed=_existed(view.total, folded))


def _fold(changes: Iterable[Change]) -> list[tuple[Entry | None, Entry | None]]:
    """Several changes of one instance as one: as it was first, as it is last."""
    first: dict[str, Entry | None] = {}
    last: dict[str, Entry | None] = {}
    for change in changes:
        first.setdefault(change.id, change.before)
        last[change.id] = change.after
    return [(before, last[id]) for id, before in first.items()]


def _existed(now: int, folded: Iterable[tuple[Entry | None, Entry | None]]) -> bool:
    """Whether the service had any instance before these changes."""
    for before, after in folded:
        now += (before is not None) - (after is not None)
    return now > 0


def _messages(view: View, upserts: list[Entry], gone: list[events.Gone], *, existed: bool) -> Delta:
    name, revision = view.key.name, view.revision
    messages: list[tuple[str, bytes]] = []
    if upserts or (view.exists and not existed):
        more = bool(gone)
        body = events.upsert_body(name, revision, (entry.json for entry in upserts), more=more)
        messages.append(("upsert", body))
    if gone or (existed and not view.exists):
        messages.append(events.encode(events.RemoveEvent(name, revision, tuple(gone), view.exists)))
    return Frames(messages) if messages else "unchanged"


def _admits(filter: Filter, entry: Entry) -> bool:
    return filter.admits(entry.record.instance, entry.status)


def _why(filter: Filter, after: Entry | None) -> str:
    if after is None:
        return "removed"
    statuses = filter.statuses
    hidden = after.status not in statuses if statuses else not after.discoverable
    return after.status if hidden else "filtered"
