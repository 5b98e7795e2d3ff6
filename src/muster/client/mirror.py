"""A watch stream, folded into mirrors. No I/O: the caller reads, hands in what it read, and does what it is told.

    mirrors.opened(epoch)                   a stream began (open it with `after=mirrors.resume`)
    mirrors.receive(event, mark, now)       -> None, or what to do: Resync | Leave
    mirrors.publish(now)                    -> the snapshots that changed, for readers
    mirrors.acknowledge()                   -> what someone waits to hear, once readers have it

Two layers. *Given* is what the present stream said, folded faithfully: its digest is compared with the registry's.
*Published* is what readers see, and it never goes back within an epoch: a registry that is behind is folded, but not
published until it has caught up. A `reset`, or another epoch, may go back; endpoints it no longer lists are then kept as
unconfirmed until the registry is settled, because an emptied registry must not empty its callers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from muster.model import limits, names
from muster.model.errors import Rejected
from muster.model.policy import Policy
from muster.wire import policy as policies
from muster.wire import view
from muster.wire.events import (
    AckEvent,
    AliveEvent,
    Event,
    GoAwayEvent,
    PolicyEvent,
    Position,
    RemoveEvent,
    ResetEvent,
    ResumedEvent,
    SnapshotEvent,
    UpsertEvent,
    position,
)

from .fold import Given, Kept, ServiceEvent
from .state import Snapshot


class Resync(Struct, frozen=True):
    """What was folded is not what the registry has: open the stream again, without a position."""

    reason: str


class Leave(Struct, frozen=True):
    """The registry stops: go on elsewhere, from the position held."""

    reason: str


Step = Resync | Leave


class _Service:
    """One service: what the stream gave, what is kept from an earlier history, what readers see."""

    __slots__ = (
        "behind_since",
        "changed",
        "given",
        "kept",
        "name",
        "policy",
        "published",
        "rewound",
        "steered",
        "touched",
    )

    def __init__(self, name: str, published: Snapshot | None = None) -> None:
        self.name = name
        self.policy = published.policy if published else None
        self.steered = False
        self.given = Given()
        self.kept = Kept()
        self.published = published
        self.changed = False
        self.touched: dict[str, int] | None = None
        self.rewound = False
        self.behind_since: float | None = None

    def absorb(self, group: Sequence[ServiceEvent], epoch: str, *, settled: bool) -> None:
        """A finished state of the stream. The first one of another history puts what it does not list in doubt."""
        if not self.given.apply(group):
            return
        if self.published is not None and (self.rewound or self.published.epoch != epoch):
            self.doubt()
        for event in group:
            if isinstance(event, RemoveEvent):
                self.kept.take_out(gone.instance_id for gone in event.instances)
            self._touch(event)
        self.kept.confirm(self.given.endpoints)
        if settled:
            self.settle()
        self.changed = True

    def _touch(self, event: ServiceEvent) -> None:
        match event:
            case SnapshotEvent():
                self.touched = None
            case UpsertEvent() if self.touched is not None:
                wrong = self.given.wrong
                self.touched.update(
                    (one.instance_id, 0 if one.instance_id in wrong else one.generation)
                    for one in event.instances
                )
            case RemoveEvent() if self.touched is not None:
                self.touched.update((gone.instance_id, 0) for gone in event.instances)

    def doubt(self) -> None:
        """Readers' view is of another history: it sets no floor any more, and what it lists is unconfirmed."""
        self.touched = None
        if self.published is not None:
            self.kept.adopt(self.published.endpoints)
        self.published = None
        self.rewound = False
        self.behind_since = None

    def believe(self, *, settled: bool) -> None:
        """The registry stays behind what readers have: take it at its word."""
        self.doubt()
        self.kept.confirm(self.given.endpoints)
        if settled:
            self.settle()
        self.changed = True

    def settle(self) -> None:
        """What is not confirmed by now does not exist."""
        if self.kept.clear():
            self.touched = None
            self.changed = True

    def snapshot(self, epoch: str) -> Snapshot:
        return Snapshot(
            service=self.name,
            epoch=epoch,
            revision=self.given.revision,
            exists=self.given.exists,
            endpoints=(*self.given.endpoints.values(), *self.kept.endpoints),
            unconfirmed=self.kept.ids,
            policy=self.policy,
            changes=self.touched,
        )

    def steer(self, policy: Policy | None) -> None:
        """The policy is told: by itself, or, for one that has none, by an `alive` before it."""
        self.steered = True
        if policy != self.policy:
            self.policy = policy
            self.changed = self.changed or self.given.complete

    def publish(self, made: Snapshot, now: float) -> Snapshot | None:
        """`made` if readers should have it instead of what they have. None if they have it, or something newer."""
        self.changed = False
        before = self.published
        if before is not None and before.epoch == made.epoch and made.revision < before.revision:
            if self.behind_since is None:
                self.behind_since = now
            return None
        self.behind_since = None
        self.published, self.touched = made, {}
        return None if before is not None and made == replace(before, changes=made.changes) else made


class Mirrors:
    """The mirrors of one process. `restored` is what is known before any stream (from disk)."""

    def __init__(self, services: Iterable[str], *, restored: Iterable[Snapshot] = ()) -> None:
        known = {snapshot.service: snapshot for snapshot in restored}
        self._services = {name: _Service(name, known.get(name)) for name in services}
        self._begun = False
        self._mark = ""
        self._asked: dict[str, int] = {}
        self.epoch = ""
        self.settled = False
        self.position: Position | None = None
        self.vouched: dict[str, float] = {}
        """service -> when the registry last vouched for what readers have of it."""
        self.unreadable: list[str] = []
        """What was told and could not be understood; for the log, whoever writes it empties this."""

    def __repr__(self) -> str:
        return f"<Mirrors {len(self._services)} services at {self.position or 'no position'}>"

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self._services)

    @property
    def resume(self) -> Position | None:
        """Where the next stream may go on. None: it must begin with snapshots."""
        whole = all(service.given.complete for service in self._services.values())
        return self.position if whole else None

    @property
    def digest(self) -> str:
        """Of everything the present stream gave, 16 hex digits."""
        return f"{view.digest(service.given.digest for service in self._services.values()):016x}"

    def add(self, service: str, restored: Snapshot | None = None) -> None:
        """One more service. It has no past on the present stream, so the next one begins with snapshots."""
        self._services[service] = _Service(service, restored)

    def forget_position(self) -> None:
        """Have everything told anew."""
        self.position = None

    def opened(self, epoch: str) -> None:
        """A stream began; nothing of it has been given yet. `epoch` is the registry's, or empty if it did not say."""
        self._begun = False
        self._mark = ""
        self._asked.clear()
        for service in self._services.values():
            service.given.drop_group()
            service.steered = False
        if epoch and epoch != self.epoch:
            self._enter(epoch)

    def receive(self, event: Event, mark: str, now: float) -> Step | None:
        """One event of the stream, and the stream's last `id` (empty before the first)."""
        if not self._begun and (wrong := self._begin(event)):
            return wrong
        return self._fold(event, now) or self._advance(mark)

    def publish(self, now: float) -> list[Snapshot]:
        """What changed for readers since the last call. Call it when all that has arrived is folded."""
        made = []
        for service in self._services.values():
            if service.changed:
                made.append(service.publish(service.snapshot(self.epoch), now))
                self._vouch(service, now)
        return [snapshot for snapshot in made if snapshot is not None]

    def acknowledge(self) -> dict[str, int]:
        """service -> revision that someone waits for and that readers have now. Told once."""
        done = {name: revision for name, revision in self._asked.items() if self._has(name, revision)}
        for name in done:
            del self._asked[name]
        return done

    def owe(self, lost: dict[str, int]) -> None:
        """These acknowledgements did not arrive: tell them again."""
        for name, revision in lost.items():
            self._ask(name, revision)

    def _begin(self, event: Event) -> Step | None:
        """The first word decides what the stream tells: how things went on, or everything anew."""
        match event:
            case ResumedEvent():
                if self.resume is None:
                    return Resync("resumed, but no position was given")
                self._begun = True
            case SnapshotEvent() | ResetEvent():
                self._begun = True
                self._clear()
            case UpsertEvent() | RemoveEvent():
                return Resync("a change before any snapshot")
            case PolicyEvent() | AliveEvent() | AckEvent() | GoAwayEvent():
                pass
            case _:
                assert_never(event)
        return None

    def _fold(self, event: Event, now: float) -> Step | None:
        match event:
            case SnapshotEvent() | UpsertEvent() | RemoveEvent():
                return self._change(event)
            case ResumedEvent():
                self._settle(settled=event.settled)
            case PolicyEvent():
                self._steer(event)
            case AliveEvent():
                return self._alive(event, now)
            case AckEvent():
                self._ask(event.service, event.revision)
            case ResetEvent():
                self._reset(event.epoch)
            case GoAwayEvent():
                return Leave(event.reason)
            case _:
                assert_never(event)
        return None

    def _change(self, event: ServiceEvent) -> Step | None:
        service = self._services.get(event.service)
        if service is None:
            return None
        group = service.given.gather(event)
        if isinstance(group, str):
            return Resync(group)
        if group:
            if isinstance(event, SnapshotEvent):
                self._settle(settled=event.settled)
            service.absorb(group, self.epoch, settled=self.settled)
            self._pass_over(event.service, service.given.wrong)
        return None

    def _alive(self, event: AliveEvent, now: float) -> Step | None:
        if not self._begun:
            return None
        self._settle(settled=event.settled)
        if self._comparable(event):
            if event.digest != self.digest:
                return Resync(f"the digest is {self.digest} here, {event.digest} there")
            if self.position is None or event.revision > self.position.revision:
                self.position = Position(self.epoch, event.revision)
        for service in self._services.values():
            if not service.steered:
                service.steer(None)
            self._vouch(service, now - event.age_ms / 1000.0)
            if service.behind_since is not None and now - service.behind_since >= limits.CLIENT_BEHIND_S:
                service.believe(settled=self.settled)
        return None

    def _steer(self, event: PolicyEvent) -> None:
        """A document that this version cannot read (a newer one wrote it) leaves what there is."""
        service = self._services.get(event.service)
        if service is None:
            return
        try:
            service.steer(None if event.policy is None else policies.parse(event.policy))
        except Rejected as error:
            service.steered = True
            self.unreadable.append(f"the policy of {event.service}: {error}")

    def _pass_over(self, service: str, wrong: Mapping[str, str]) -> None:
        if wrong:
            id, why = next(iter(wrong.items()))
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            self.unreadable.append(
                f"{service}: {names.printable(id, limits.ID_CHARS)} {why}: passed over{more}"
            )

    def _comparable(self, event: AliveEvent) -> bool:
        """Not in the middle of a state, and not ahead of where the stream stands (it repeats what was sent before)."""
        return all(s.given.whole and s.given.revision <= event.revision for s in self._services.values())

    def _vouch(self, service: _Service, when: float) -> None:
        if service.given.complete and service.behind_since is None:
            self.vouched[service.name] = when

    def _settle(self, *, settled: bool) -> None:
        """A settled registry lists whatever exists: doubt is over."""
        if settled and not self.settled:
            for service in self._services.values():
                if service.given.complete:
                    service.settle()
        self.settled = settled

    def _reset(self, epoch: str) -> None:
        self._enter(epoch)
        for service in self._services.values():
            service.rewound = True
            service.steered = False

    def _enter(self, epoch: str) -> None:
        self.epoch = epoch
        self.settled = False
        self._clear()

    def _clear(self) -> None:
        self.position = None
        for service in self._services.values():
            service.given.clear()

    def _advance(self, mark: str) -> Step | None:
        """Remember the low-water mark. An epoch that changes without a reset makes no sense."""
        if mark == self._mark or not self._begun:
            return None
        self._mark = mark
        place = position(mark)
        if place is None:
            return None
        if place.epoch != self.epoch:
            return Resync(f"epoch {place.epoch} on a stream of {self.epoch or 'none'}")
        self.position = place
        return None

    def _ask(self, name: str, revision: int) -> None:
        if name in self._services:
            self._asked[name] = max(revision, self._asked.get(name, 0))

    def _has(self, name: str, revision: int) -> bool:
        service = self._services[name]
        reached = max(service.given.revision, self.position.revision if self.position else 0)
        return service.given.complete and not service.changed and reached >= revision
