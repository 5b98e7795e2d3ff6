"""What an operator has to know, in the log: once when it begins and once when it is over, however often it is met meanwhile."""

from __future__ import annotations

import asyncio

import structlog

from muster.core.agreement import Tally
from muster.core.guard import HoldReport
from muster.model import limits
from muster.registry.registry import Registry
from muster.registry.replicas.agreement import Difference

log = structlog.get_logger("muster")

HELD = "held"


class Journal:
    """Compares the registry with what was said of it last."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._trouble = self._cut_off = ""
        self._held: dict[str | None, HoldReport] = {}
        self._unreachable: set[str] = set()

    async def keep(self) -> None:
        """Look now and then, for ever."""
        while True:
            self.look()
            await asyncio.sleep(limits.JOURNAL_LOOKS_S)

    def look(self) -> None:
        """Say what has changed since the last look."""
        self._note_store(self._registry.writer.trouble)
        self._note_cut_off(self._registry.replicas.trouble if self._registry.replicas else "")
        self._note_peers()
        self._note_findings()
        self._note_holds({each.zone: each for each in self._registry.guard_report() if each.state == HELD})

    def _note_store(self, trouble: str) -> None:
        if trouble and not self._trouble:
            log.error("the store cannot write; reads, watches and heartbeats go on", problem=trouble)
        elif self._trouble and not trouble:
            log.info("the store writes again")
        self._trouble = trouble

    def _note_cut_off(self, why: str) -> None:
        if why and not self._cut_off:
            log.error(
                "cut off from the other replicas: heartbeats and writes get 503 here; reads go on",
                problem=why,
            )
        elif self._cut_off and not why:
            log.info("one of the replicas again")
        self._cut_off = why

    def _note_peers(self) -> None:
        replicas = self._registry.replicas
        unreachable = dict(replicas.membership.unreachable) if replicas else {}
        for name in sorted(unreachable.keys() - self._unreachable):
            log.warning(
                "a replica cannot be reached; it is asked through the store",
                replica=name,
                problem=unreachable[name],
            )
        for name in sorted(self._unreachable - unreachable.keys()):
            log.info("a replica can be reached again, or is gone", replica=name)
        self._unreachable = set(unreachable)

    def _note_findings(self) -> None:
        if self._registry.replicas is None:
            return
        for found in self._registry.replicas.agreement.take_findings():
            if isinstance(found, Difference):
                log.error(
                    "replicas differ: both look at the store",
                    service=f"{found.here.namespace}/{found.here.service}",
                    revision=found.revision,
                    here=_side(found.here),
                    peer=found.peer,
                    there=_side(found.there),
                )
            else:
                log.warning(
                    "put right from the store", record=found.key, held=found.held, stored=found.stored
                )

    def _note_holds(self, held: dict[str | None, HoldReport]) -> None:
        for zone in sorted(held.keys() - self._held.keys(), key=_place):
            log.warning("held: silence takes nobody out here", where=_place(zone), reason=held[zone].reason)
        for zone in sorted(self._held.keys() - held.keys(), key=_place):
            log.info("no longer held", where=_place(zone))
        self._held = held


def _side(tally: Tally) -> str:
    return f"{tally.instances} instances, digest {tally.digest:016x}"


def _place(zone: str | None) -> str:
    return "the registry" if zone is None else f"zone {zone!r}"
