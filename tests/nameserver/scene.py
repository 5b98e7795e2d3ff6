"""A real registry with a name server over it, asked in packets; dnspython writes the questions and reads the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from random import Random

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from muster.core.commands import Amend, Deregister, Drain, MarkOverdue
from muster.core.state import ServiceKey
from muster.model.instance import Instance
from muster.nameserver.server import Domains, Nameserver
from muster.registry.clock import Clock
from muster.registry.registry import Registry
from muster.storage.memory import MemoryStore
from muster.testing import builders
from muster.testing.prober import ScriptedProber

TTL_S = 1
DOMAINS = Domains(own="muster.internal", consul="consul", cluster="cluster.local", datacenter="dc1")
STEP_S = 0.9
SETTLED_STEPS = 110
"""Ninety seconds in steps that are no pause."""


class Scene:
    """`registry` and `nameserver` are real; no socket is involved."""

    def __init__(self, store: MemoryStore) -> None:
        self.time = 0.0
        self.registry = Registry(store, ScriptedProber(), clock=Clock(lambda: self.time), rng=Random(1))
        self.nameserver: Nameserver

    def settle(self) -> None:
        for _ in range(SETTLED_STEPS):
            self.time += STEP_S
            self.registry.now()
        assert self.registry.settled

    # --- What happens to instances ----------------------------------------------------------------------------------

    async def register(self, *instances: Instance) -> None:
        for each in instances:
            await self.registry.command(builders.register(each))

    async def web(self, *hosts: str, **more: object) -> None:
        """Instances `web-1`, `web-2`... of `web`, on these hosts."""
        await self.register(*web(*hosts, **more))

    async def deregister(self, id: str) -> None:
        await self.registry.command(Deregister(f"default/{id}", 0, b""))

    async def drain(self, id: str) -> None:
        await self.registry.command(Drain(f"default/{id}", 0, b"", 1))

    async def mark_overdue(self, *ids: str) -> None:
        for id in ids:
            entry = self.registry.entry(f"default/{id}")
            assert entry is not None
            await self.registry.command(MarkOverdue(entry.key, entry.record.generation, 1))

    async def weigh(self, id: str, weight: int) -> None:
        await self.registry.command(Amend(f"default/{id}", 0, b"", 1, weight=weight))

    async def steer(self, service: str, document: bytes) -> None:
        await self.registry.policies.put(ServiceKey("default", service), document, None)

    # --- Asking -----------------------------------------------------------------------------------------------------

    def datagram(self, query: dns.message.Message) -> dns.message.Message:
        told = self.nameserver.responder.datagram(query.to_wire())
        assert told is not None
        return checked(query, told)

    def message(self, query: dns.message.Message) -> dns.message.Message:
        told = self.nameserver.responder.message(query.to_wire())
        assert told is not None
        return checked(query, told)

    def ask(self, name: str, kind: str = "A") -> dns.message.Message:
        return self.datagram(question(name, kind))

    def code(self, name: str, kind: str = "A") -> str:
        """`NOERROR` stands for an answer with records, `NODATA` for one without."""
        told = self.ask(name, kind)
        code = dns.rcode.to_text(told.rcode())
        return "NODATA" if code == "NOERROR" and not told.answer else code

    def records(self, name: str, kind: str = "A") -> list[str]:
        """Of the answer section, sorted, as text without owner and TTL."""
        return sorted(texts(self.ask(name, kind).answer))


def question(name: str, kind: str = "A", **edns: object) -> dns.message.Message:
    """With EDNS at our own size, so that nothing is cut, unless told otherwise."""
    return dns.message.make_query(name, kind, **({"use_edns": 0, "payload": 1232} | edns))  # type: ignore[arg-type]


def checked(query: dns.message.Message, told: bytes) -> dns.message.Message:
    """What dnspython reads, having found that it is whole and answers the query."""
    answer = dns.message.from_wire(told, one_rr_per_rrset=True)
    assert query.is_response(answer), answer
    assert not answer.flags & (dns.flags.RA | dns.flags.AD)
    return answer


def texts(section: Iterable[dns.rrset.RRset]) -> list[str]:
    return [rdata.to_text() for rrset in section for rdata in rrset]


def owners(section: Iterable[dns.rrset.RRset]) -> list[str]:
    return [rrset.name.to_text() for rrset in section]


def web(*hosts: str, **more: object) -> list[Instance]:
    return [
        builders.instance(f"web-{number}", host=host, port=8080, **more)  # type: ignore[arg-type]
        for number, host in enumerate(hosts, 1)
    ]


@asynccontextmanager
async def opened(
    *, settled: bool = True, store: MemoryStore | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[Scene]:
    scene = Scene(store or MemoryStore(rng=Random(1)))
    async with scene.registry.open():
        if settled:
            scene.settle()
        scene.nameserver = Nameserver(scene.registry, DOMAINS, address, TTL_S, Random(1))
        yield scene
