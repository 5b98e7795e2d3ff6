"""What must hold among replicas. The oracle stands at the store, where the order is, and knows who heard whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.oracle import EARLY_S, Violation

from muster.core.state import Change
from muster.model import record as records
from muster.registry.layout import INSTANCES
from muster.registry.registry import Registry
from muster.registry.store import Batch

if TYPE_CHECKING:
    from tests.simulation.replicas.instance import InstanceHost
    from tests.simulation.replicas.replica import ReplicaHost
    from tests.simulation.replicas.world import World

HEARD = "no instance expires that a live replica hears"
SURVIVES = "an acknowledged registration survives"
ORDER = "changes are seen in the store's order"
EQUAL = "replicas are equal at equal revision"
LEAVE = "the dead leave, the living are listed"


class Oracle:
    def __init__(self, world: World) -> None:
        self._world = world
        self._heard: dict[tuple[str, str], dict[str, float]] = {}
        self._acknowledged: dict[str, int] = {}
        self._last: dict[str, tuple[Registry, int]] = {}
        self._states: dict[int, frozenset[object]] = {}
        self.expiries = 0

    def fail(self, promise: str, what: object) -> None:
        self._world.broken(Violation(f"{promise}: {what}"))

    # --- What happens -----------------------------------------------------------------------------------------------

    def heard(self, replica: ReplicaHost, key: str, incarnation: str) -> None:
        """A replica said yes to a heartbeat."""
        self._heard.setdefault((key, incarnation), {})[replica.life] = self._world.loop.time()

    def registered(self, host: InstanceHost) -> None:
        self._acknowledged[host.key] = _number(host.incarnation)

    def committed(self, batch: Batch) -> None:
        for write in batch.writes:
            if write.key.startswith(INSTANCES) and write.value is not None:
                self._not_heard(records.decode(write.value))

    def _not_heard(self, record: records.Record) -> None:
        lease = record.instance.lease
        if not record.facts.expired_at or lease is None:
            return
        self.expiries += 1
        heard, now = self._heard.get((record.key, record.incarnation), {}), self._world.loop.time()
        for replica in self._world.replicas.values():
            age = now - heard.get(replica.life, float("-inf"))
            if replica.live and age < lease.ttl - EARLY_S:
                self.fail(
                    HEARD, f"{record.key}: {replica.life} heard it {age:.3f} s ago, ttl {lease.ttl:g} s"
                )

    def changed(self, replica: ReplicaHost, change: Change) -> None:
        registry = replica.registry
        if registry is None:
            return
        known, last = self._last.get(replica.name, (registry, 0))
        if known is registry and change.revision < last:
            self.fail(ORDER, f"{replica.life}: {last}, then {change.revision}")
        self._last[replica.name] = (registry, change.revision)

    def look(self) -> None:
        """Compare whoever serves, with whoever was ever there at the same revision."""
        for replica in self._world.replicas.values():
            if (registry := replica.registry) is not None:
                state = frozenset(
                    (e.key, e.revision, records.encode(e.record)) for e in registry.machine.state.entries()
                )
                if (known := self._states.setdefault(registry.revision, state)) != state:
                    self.fail(EQUAL, f"{replica.life}@{registry.revision}: {known ^ state}")

    def gone(self, host: InstanceHost) -> None:
        """It died long ago, whatever became of replicas meanwhile."""
        for replica in self._world.replicas.values():
            entry = replica.registry.entry(host.key) if replica.registry else None
            if replica.live and entry is not None and entry.discoverable:
                self.fail(
                    LEAVE, f"{host.key}, dead since {host.died_at:.0f}, at {replica.life}: {entry.record}"
                )

    # --- When everything has healed ---------------------------------------------------------------------------------

    def converged(self) -> None:
        self.look()
        for replica in self._world.replicas.values():
            registry = replica.serving()
            for host in self._world.instances.values():
                entry = registry.entry(host.key)
                acknowledged = self._acknowledged.get(host.key, 0)
                if (
                    host.process
                    and acknowledged
                    and (entry is None or _number(entry.record.incarnation) < acknowledged)
                ):
                    self.fail(SURVIVES, f"{host.incarnation} at {replica.life}: {entry}")
                if (host.process is not None) != (entry is not None and entry.discoverable):
                    self.fail(LEAVE, f"{host.key} {host.process} at {replica.life}: {entry and entry.record}")


def _number(incarnation: str) -> int:
    return int(incarnation.rpartition("/")[2])
