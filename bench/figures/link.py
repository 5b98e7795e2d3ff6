"""500 hosts with four instances each on three replicas; the link of a third of them, a zone of their own, is dropped: packets vanish, and
nobody is told. Until callers elsewhere, with the library as it comes, let it alone but for trials."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
from msgspec import Struct
from tests.proof.network import Network
from tests.proof.notes import Called, Note, Picked, decode, failed

from bench import cores
from bench.etcd import running_etcd
from bench.figure import Number, Scale
from bench.population import loaded
from bench.process import Program, program
from bench.registry import Registry, body, registry
from bench.zone import READY, Plan

REPLICAS = 3
PER_HOST = 4
OWN = "10.9.0.2"
"""Where the replicas and their etcd are."""
ZONES = {"z0": "10.1.0.2", "z1": "10.1.1.2", "z2": "10.1.2.2"}
DOOMED = "z2"
CALLERS = "10.2.0.2"
FIRST_PORT = 20_000
TTL_S = 30.0
PATIENCE_S = 60.0
LOOK_S = 0.05
ALONE_S = 0.9
"""A zone is tried again 1 s after it was found to be out of reach, then after twice the time each."""


class Size(Struct, frozen=True):
    """`rate`: calls per second of each caller; `before`, `after` the drop (s)."""

    hosts: int
    callers: int
    rate: float
    before: float
    after: float


SIZES = {
    "full": Size(500, 4, 50, 10, 40),
    "quick": Size(500, 2, 50, 5, 30),
    "tiny": Size(6, 1, 20, 0.5, 3),
}


def measure(scale: Scale) -> Sequence[Number]:
    """In a namespace of its own, where the replicas are: what is measured there is asked there."""
    inside = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    told = subprocess.run(
        [*inside, sys.executable, "-m", "bench.figures.link", scale], check=True, stdout=subprocess.PIPE
    )
    return msgspec.json.decode(told.stdout, type=list[Number])


def _measure(size: Size) -> list[Number]:
    with Network() as network, running_etcd() as etcd, ExitStack() as stack:
        network.join(OWN)
        etcd.fill("link", loaded(_bodies(size)))
        ours = [
            stack.enter_context(registry("--insecure", store=etcd.store("link"), host=OWN))
            for _ in range(REPLICAS)
        ]
        for zone, address in ZONES.items():
            stack.enter_context(_zone(network, _plan(zone, address, size, ours)))
        _until_reached(ours, size)
        under = network.host(CALLERS)
        with _calling(under, ours, size) as notes:
            time.sleep(size.before)
            dropped = time.monotonic()
            network.cut(ZONES[DOOMED])
            time.sleep(size.after)
    return _numbers(notes, size, dropped)


def _numbers(notes: Sequence[Note], size: Size, dropped: float) -> list[Number]:
    lost = {id for host in _hosts(size)[DOOMED] for id in host}
    attempts = sorted((n for n in notes if isinstance(n, Picked) and n.to in lost), key=lambda n: n.at)
    trials, late = _trials(attempts), [each for each in attempts if each.at > dropped]
    flowing = [each.at - dropped for each in late if each not in trials]
    calls = [note for note in notes if isinstance(note, Called) and note.over > dropped]
    return [
        Number(
            f"{len(lost)} of {size.hosts * PER_HOST} instances cut off with their zone -> their traffic is gone",
            (max(flowing, default=0.0),),
            "s",
            at_most=5,
            beside=f"{len(flowing)} attempts of {size.callers} callers; later {len(late) - len(flowing)} trials, one at a time",
        ),
        Number("calls that failed meanwhile", (float(len(failed(calls))),), "", beside=f"of {len(calls)}"),
    ]


def _trials(attempts: Sequence[Picked]) -> set[Picked]:
    """Attempts before which their caller has let the zone alone for a while."""
    last: dict[str, float] = {}
    found = set()
    for each in attempts:
        if each.at - last.get(each.by, float("-inf")) > ALONE_S:
            found.add(each)
        last[each.by] = each.at
    return found


# --- Who is where


def _hosts(size: Size) -> dict[str, list[list[str]]]:
    """The ids on each host of each zone."""
    hosts = [[f"h{host}-{n}" for n in range(PER_HOST)] for host in range(size.hosts)]
    return {zone: hosts[number :: len(ZONES)] for number, zone in enumerate(ZONES)}


def _bodies(size: Size) -> Iterator[dict[str, Any]]:
    for zone, hosts in _hosts(size).items():
        for number, id in enumerate(id for host in hosts for id in host):
            at = {"host": ZONES[zone], "port": FIRST_PORT + number}
            yield body(number, "web", instance_id=id, zone=zone, ttl=TTL_S, **at)


def _plan(zone: str, address: str, size: Size, ours: Sequence[Registry]) -> Plan:
    return Plan(zone, address, FIRST_PORT, _hosts(size)[zone], [each.address for each in ours], TTL_S / 3)


@contextmanager
def _zone(network: Network, plan: Plan) -> Iterator[None]:
    play = [sys.executable, "-m", "bench.zone", msgspec.json.encode(plan).decode()]
    with _fed(cores.on_load(*network.host(plan.address), *play)) as running:
        assert running.process.stdout is not None
        assert running.process.stdout.readline() == READY
        yield


@contextmanager
def _calling(under: Sequence[str], ours: Sequence[Registry], size: Size) -> Iterator[list[Note]]:
    """What all callers wrote down, complete after the block."""
    urls, notes = ",".join(each.url for each in ours), list[Note]()
    with ExitStack() as stack:
        for number in range(size.callers):
            told = [sys.executable, "-m", "bench.caller", urls, f"caller-{number}", str(size.rate)]
            running = stack.enter_context(_fed(cores.on_load(*under, *told)))
            assert running.process.stdout is not None
            notes.append(decode(running.process.stdout.readline()))  # it is ready
            reader = threading.Thread(target=_read, args=[running, notes])
            reader.start()
            stack.callback(reader.join)
            stack.callback(running.process.stdin.close)
        yield notes


def _read(running: Program, notes: list[Note]) -> None:
    assert running.process.stdout is not None
    notes.extend(map(decode, running.process.stdout))


@contextmanager
def _fed(command: Sequence[str]) -> Iterator[Program]:
    with program(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        yield running


def _until_reached(ours: Sequence[Registry], size: Size) -> None:
    """A replica suspects nobody that it has never reached."""
    until = time.monotonic() + PATIENCE_S
    for each in ours:
        for id in (id for hosts in _hosts(size).values() for host in hosts[::5] for id in host):
            while not each.ask("GET", f"/v1/instances/{id}")["reached"]:
                assert time.monotonic() < until, f"{id} is not reached"
                time.sleep(LOOK_S)


if __name__ == "__main__":
    numbers = _measure(SIZES[sys.argv[1]])  # type: ignore[index]
    sys.stdout.buffer.write(msgspec.json.encode(numbers))
