"""What must hold in every run. The oracle sees what became visible, and knows what the registry cannot: who is really alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muster.client.mirror import Resync
from muster.client.state import Snapshot
from muster.core.state import Change, Entry, ServiceKey
from muster.model.record import DISCOVERABLE, Record
from muster.registry.registry import Registry
from muster.wire.filters import DEFAULT

if TYPE_CHECKING:
    from tests.simulation.instance import InstanceHost
    from tests.simulation.reader import ReaderHost
    from tests.simulation.world import World

EARLY_S = 0.001
"""Rounding, not mercy."""


class Violation(AssertionError):
    """A promise is broken."""


class Oracle:
    def __init__(self, world: World) -> None:
        self._world = world
        self._renewed: dict[str, float] = {}
        self._acknowledged: dict[str, tuple[str, str]] = {}
        self._leaving: set[str] = set()
        self._told: dict[tuple[str, str, ServiceKey], int] = {}
        self._protected: set[str] = set()
        self._kept: dict[str, dict[str, set[str]]] = {}
        self.epoch = ""

    def fail(self, promise: str, what: object) -> None:
        self._world.broken(Violation(f"{promise}: {what}"))

    # --- What happens -----------------------------------------------------------------------------------------------

    def started(self, registry: Registry) -> None:
        """A registry serves, from the beginning or from another history."""
        self._world.log(f"the registry serves {registry.epoch}:{registry.revision}")
        if registry.epoch != self.epoch:
            self._acknowledged.clear()
            self.epoch = registry.epoch
        self._survived(registry)
        for service in registry.machine.state.services():
            self._forward("registry", registry.epoch, service, registry.snapshot(service).revision)

    def crashed(self) -> None:
        """Nothing it promised is taken back by that."""

    def renewed(self, key: str) -> None:
        """The registry said yes to a heartbeat, or to a registration."""
        self._renewed[key] = self._world.loop.time()

    def acknowledged(self, host: InstanceHost, record: Record, epoch: str) -> None:
        """The instance was told that it is registered."""
        if epoch == self.epoch:
            self._acknowledged[host.key] = (record.incarnation, epoch)

    def leaving(self, host: InstanceHost) -> None:
        self._acknowledged.pop(host.key, None)
        self._leaving.add(host.key)
        self._protected.discard(host.key)

    def changed(self, registry: Registry, change: Change) -> None:
        self._not_early(change)
        self._not_blind(change)
        revision = registry.snapshot(change.service).revision
        self._forward("registry", registry.epoch, change.service, revision)

    def published(self, reader: ReaderHost, snapshot: Snapshot) -> None:
        self._forward(reader.name, snapshot.epoch, self._world.key(snapshot.service), snapshot.revision)
        kept = self._kept.get(reader.name, {}).get(snapshot.service, set())
        if missing := kept - {endpoint.id for endpoint in snapshot.endpoints} - self._leaving_ids():
            self.fail("an emptied registry empties no caller", f"{reader.name} lost {sorted(missing)}")

    def diverged(self, reader: ReaderHost, why: Resync) -> None:
        self.fail("a mirror never diverges", f"{reader.name}: {why.reason}")

    def drained(self, entry: Entry, streams: set[str]) -> None:
        """The answer is `safe`: whoever can be asked has it no more."""
        for reader in self._world.readers.values():
            snapshot = reader.published.get(entry.service.name)
            if reader.subscriber not in streams or snapshot is None or snapshot.revision >= entry.revision:
                continue
            if entry.id in {endpoint.id for endpoint in snapshot.endpoints}:
                self.fail("a safe drain is known to every subscriber", f"{reader.name} still has {entry.id}")

    # --- Promises at all times --------------------------------------------------------------------------------------

    def _not_early(self, change: Change) -> None:
        """No lease expires before its ttl after the last renewal that was acknowledged."""
        before, after = change.before, change.after
        if after is None:
            return
        key, now = after.record.key, self._world.loop.time()
        if before is None or before.record.generation != after.record.generation:
            self._renewed[key] = now
        elif after.status == "expired" and before.status != "expired":
            lease, renewed = after.record.instance.lease, self._renewed.get(key, 0.0)
            assert lease is not None
            if now < renewed + lease.ttl - EARLY_S:
                self.fail(
                    "no lease expires early", f"{key}: renewed {now - renewed:.3f} s ago, ttl {lease.ttl} s"
                )

    def _not_blind(self, change: Change) -> None:
        key = change.before.record.key if change.before else ""
        if key in self._protected and (change.after is None or not change.after.discoverable):
            self.fail("blindness withdraws nobody", f"{change.before} -> {change.after}")

    def _forward(self, who: str, epoch: str, service: ServiceKey, revision: int) -> None:
        at = (who, epoch, service)
        if revision < self._told.get(at, 0):
            self.fail("revisions never go back", f"{who} {service.name}: {self._told[at]}, then {revision}")
        self._told[at] = revision

    def _survived(self, registry: Registry) -> None:
        """Every acknowledged registration is there, or a newer one of the same id."""
        for key, (incarnation, epoch) in self._acknowledged.items():
            entry = registry.entry(key)
            if epoch != registry.epoch:
                continue
            if entry is None or (
                entry.record.incarnation != incarnation and incarnation not in entry.record.superseded
            ):
                self.fail("an acknowledged registration survives", f"{key} as {incarnation}: {entry}")

    # --- Promises for a while ---------------------------------------------------------------------------------------

    def protect(self) -> None:
        """From now on nobody who is alive, and listed, may be withdrawn."""
        registry = self._world.registry.registry
        assert registry is not None
        alive = {host.key for host in self._world.instances.values() if host.alive and not host.gone}
        listed = {entry.record.key for entry in registry.machine.state.entries() if entry.discoverable}
        self._protected = alive & listed

    def unprotect(self) -> None:
        self._protected = set()

    def keep(self) -> None:
        """From now on no mirror may lose an endpoint that is alive."""
        alive = {host.id for host in self._world.instances.values() if host.alive and not host.gone}
        self._kept = {
            reader.name: {
                service: {endpoint.id for endpoint in snapshot.endpoints} & alive
                for service, snapshot in reader.published.items()
            }
            for reader in self._world.readers.values()
        }

    def let_go(self) -> None:
        self._kept = {}

    def _leaving_ids(self) -> set[str]:
        return {key.removeprefix("default/") for key in self._leaving}

    # --- Promises in peace ------------------------------------------------------------------------------------------

    def bounded(self, peace: float) -> None:
        """Whoever died before the peace began has left, unless the guard holds; and a proven corpse even then."""
        registry = self._world.registry.registry
        assert registry is not None
        for host in self._world.instances.values():
            entry = registry.entry(host.key)
            if host.alive or entry is None or not entry.discoverable:
                continue
            if self._world.loop.time() - host.died_at < peace:
                continue
            if not registry.machine.guard.holds(host.zone, host.key):
                self.fail("a dead instance leaves within its bound", f"{host.key}: {entry.record}")
            if self._world.network.host(host.id).up and host.key in registry.machine.suspicions.reached:
                self.fail("a proven corpse does not stay", f"{host.key}: {entry.record}")

    def listed(self, hosts: list[InstanceHost]) -> None:
        """These are, though something refuses in their place."""
        registry = self._world.registry.registry
        assert registry is not None
        for host in hosts:
            entry = registry.entry(host.key)
            if host.well and (entry is None or not entry.discoverable):
                self.fail("a firewall's lie withdraws nobody", f"{host.key}: {entry and entry.record}")

    # --- Promises at the end, when everything has healed ------------------------------------------------------------

    def converged(self) -> None:
        """Whoever is alive is listed, whoever is dead is not, and every mirror has exactly that."""
        registry = self._world.registry.registry
        assert registry is not None
        self._survived(registry)
        for host in self._world.instances.values():
            self._listed_rightly(registry, host)
        for reader in self._world.readers.values():
            for service, snapshot in reader.published.items():
                self._mirrored(registry, reader, service, snapshot)

    def _listed_rightly(self, registry: Registry, host: InstanceHost) -> None:
        entry = registry.entry(host.key)
        listed = entry is not None and entry.status in DISCOVERABLE
        if host.alive and not host.gone and host.well and not listed:
            self.fail("a healthy instance is listed", f"{host}: {entry and entry.record}")
        if not host.alive and listed:
            held = registry.machine.guard.holds(host.zone, host.key)
            where = f"dead for {self._world.loop.time() - host.died_at:.1f} s, held: {held}"
            self.fail("a dead instance leaves", f"{host.key} {where}: {entry and entry.record}")

    def _mirrored(self, registry: Registry, reader: ReaderHost, service: str, snapshot: Snapshot) -> None:
        view = registry.snapshot(self._world.key(service)).view(DEFAULT)
        there = {(entry.id, entry.record.generation, entry.revision) for entry in view.entries}
        here = {(e.id, e.instance.generation, e.instance.revision) for e in snapshot.endpoints}
        if here != there or snapshot.unconfirmed:
            self.fail(
                "every mirror converges", f"{reader.name} {service}: {here ^ there} {snapshot.unconfirmed}"
            )
