"""A load on several replicas, until its input ends; then it waits until everybody agrees, and writes down what they say.

    python -m tests.cuts.load NOTES --replica 10.2.1.2 --replica 10.2.2.2 ... --rate 500 --watchers 200 --services 50

Every registrar tries one replica after the other until it is answered; so does every heartbeat. A watcher whose stream breaks, or says
nothing for 5 s, goes on at another replica from where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.cuts.asking import Away, Caller, Callers, events
from tests.cuts.notes import (
    DEAD,
    LIVE,
    SERIAL,
    Ending,
    Note,
    Opened,
    Ready,
    Refused,
    Said,
    Told,
    Wrote,
    encode,
)

from muster.wire import events as told
from muster.wire.view import InstanceView

TTL_S: Final = 6.0
BEAT_S: Final = 1.0
DEAD_EVERY_S: Final = 4.0
LIVE_TASKS: Final = 3
LIVE_IDS: Final = 20
"""Of each task: were the dead more than some percent of all, the guard would hold them."""
SILENCE_S: Final = 5.0
AGAIN_S: Final = 0.2
SETTLE_S: Final = 200.0
"""For the dead to leave and everybody to agree: a replica that was paused takes nobody out for 90 s."""
IDS_PER_REGISTRAR: Final = 5
PER_REGISTRAR: Final = 10.0
"""Registrations per second of one registrar: they wait for their answers."""
QUIET_S: Final = 2.0


class Load:
    def __init__(
        self, file: Path, replicas: Sequence[str], rate: float, watchers: int, services: int
    ) -> None:
        self._file = file.open("ab", buffering=1 << 16)
        self._replicas = list(replicas)
        self._services = [f"s-{n}" for n in range(services)]
        self._rate, self._watchers = rate, watchers
        self._over = asyncio.Event()
        self._told_all = asyncio.Event()
        self._there = asyncio.Semaphore(0)
        self._positions: dict[str, tuple[str, int]] = {}
        self._dead: set[tuple[str, str]] = set()

    def note(self, note: Note) -> None:
        self._file.write(encode(note) + b"\n")

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            registrars = max(round(self._rate / PER_REGISTRAR), 1)
            writing = [
                group.create_task(self._register(n, self._rate / registrars)) for n in range(registrars)
            ]
            writing += [group.create_task(self._live(n)) for n in range(LIVE_TASKS)]
            writing.append(group.create_task(self._die()))
            watching = [group.create_task(self._watch(n)) for n in range(self._watchers)]
            await self._begun()
            await self._input_ends()
            self._over.set()
            await asyncio.gather(*writing[:registrars], writing[-1])
            await self._agree()
            for task in (*writing, *watching):
                task.cancel()
        self._file.close()

    async def _begun(self) -> None:
        await self._told_all.wait()
        for _ in range(LIVE_TASKS):
            await self._there.acquire()
        self.note(Ready(time.monotonic()))
        self._file.flush()

    async def _input_ends(self) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.read()

    # --- Registrars -------------------------------------------------------------------------------------------------

    async def _register(self, number: int, rate: float) -> None:
        callers = Callers(self._replicas)
        ids = [f"w-{number}-{n}" for n in range(IDS_PER_REGISTRAR)]
        service = self._services[number % len(self._services)]
        for turn in count():
            if self._over.is_set():
                return
            began = time.monotonic()
            serial, id = turn // len(ids) + 1, ids[turn % len(ids)]
            body = described(service, id, serial) | {"static": True}
            await self._insist(callers, turn + number, body, serial)
            await asyncio.sleep(max(began + 1 / rate - time.monotonic(), 0))

    async def _insist(self, callers: Callers, turn: int, body: dict[str, Any], serial: int) -> None:
        """Register, wherever it is taken."""
        for tries in count(1):
            for caller in callers.in_turn(turn):
                try:
                    status, said = await caller.ask("POST", "/register", body)
                except Away:
                    callers.away(caller)
                    continue
                if status in (200, 201):
                    self._wrote(said, serial, tries)
                    return
                if status != 503:
                    self.note(Refused(time.monotonic(), body["instance_id"], f"register: {status} {said}"))
            await asyncio.sleep(AGAIN_S)

    def _wrote(self, said: dict[str, Any], serial: int, tries: int) -> None:
        self.note(
            Wrote(
                time.monotonic(),
                said["service"],
                said["instance_id"],
                serial,
                said["epoch"],
                said["generation"],
                tries,
            )
        )

    # --- Leases -----------------------------------------------------------------------------------------------------

    async def _live(self, number: int) -> None:
        """Some instances whose heartbeats hop: each goes to the next replica."""
        service = self._services[number % len(self._services)]
        ids = [f"{LIVE}{number}-{n}" for n in range(LIVE_IDS)]
        callers = Callers(self._replicas)
        bodies = {id: described(service, id, 1) | {"ttl": TTL_S} for id in ids}
        for turn, id in enumerate(ids):
            await self._insist(callers, turn, bodies[id], 1)
        self._there.release()
        for turn in count():
            await asyncio.sleep(BEAT_S)
            for place, id in enumerate(ids):
                if not await self._beat(callers, turn + place, id):
                    await self._insist(callers, turn, bodies[id], 1)

    async def _beat(self, callers: Callers, turn: int, id: str) -> bool:
        """Renew. False: it has to register again."""
        for caller in callers.in_turn(turn):
            try:
                status, said = await caller.ask("PUT", f"/heartbeat/{id}", within=0.5)
            except Away:
                callers.away(caller)
                continue
            if status == 204:
                return True
            if status != 503:
                self.note(Refused(time.monotonic(), id, f"heartbeat: {status} {said}"))
                return False
        return True

    async def _die(self) -> None:
        callers = Callers(self._replicas)
        for n in count():
            if self._over.is_set():
                return
            service, id = self._services[n % len(self._services)], f"{DEAD}{n}"
            await self._insist(callers, n, described(service, id, 1) | {"ttl": 3}, 1)
            self._dead.add((service, id))
            with suppress(TimeoutError):
                async with asyncio.timeout(DEAD_EVERY_S):
                    await self._over.wait()

    # --- Watchers ---------------------------------------------------------------------------------------------------

    async def _watch(self, number: int) -> None:
        by, mark = f"watcher-{number}", ""
        every = self._services if number == 0 else [self._services[number % len(self._services)]]
        query = "&".join(f"service={name}" for name in every)
        for turn in count(number):
            host = self._replicas[turn % len(self._replicas)]
            self.note(Opened(time.monotonic(), by, host, mark))
            path = f"/watch?{query}" + (f"&after={mark}" if mark else "")
            try:
                epoch = ""
                async for head, message in events(host, path, SILENCE_S):
                    mark, epoch = message.id or mark, self._told(by, epoch or head, message)
            except Away:
                await asyncio.sleep(AGAIN_S)

    def _told(self, by: str, epoch: str, message: Any) -> str:
        """The epoch that goes on from here."""
        event = told.decode(message.event, message.data)
        if event is None or isinstance(event, told.PolicyEvent | told.AckEvent | told.GoAwayEvent):
            return epoch
        epoch = event.epoch if isinstance(event, told.ResetEvent) else epoch
        self.note(spoken(by, epoch, message, event))
        self._positions[by] = (epoch, int(message.id.rpartition(":")[2] or 0))
        if len(self._positions) == self._watchers:
            self._told_all.set()
        return epoch

    # --- The end ----------------------------------------------------------------------------------------------------

    async def _agree(self) -> None:
        """Until all replicas list the same, without the dead, and every watcher has come that far; then what they list."""
        until = time.monotonic() + SETTLE_S
        callers = Callers(self._replicas)
        while True:
            endings = [ending for caller in callers for ending in await self._endings(caller)]
            revision, epoch = await self._head(callers)
            if (self._settled(endings) and self._caught_up(epoch, revision)) or time.monotonic() > until:
                break
            await asyncio.sleep(AGAIN_S)
        await asyncio.sleep(QUIET_S)  # what is on its way to watchers arrives
        for ending in [ending for caller in callers for ending in await self._endings(caller)]:
            self.note(ending)

    async def _endings(self, caller: Caller) -> list[Ending]:
        found = []
        for service in self._services:
            with suppress(Away):
                status, said = await caller.ask("GET", f"/services/{service}/instances?all=true")
                if status == 200:
                    found.append(listed(caller.host, said))
        return found

    async def _head(self, callers: Callers) -> tuple[int, str]:
        heads = []
        for caller in callers:
            with suppress(Away):
                _, said = await caller.ask("GET", "/services")
                heads.append((max((each["revision"] for each in said["services"]), default=0), said["epoch"]))
        return min(heads, default=(1 << 62, ""))

    def _settled(self, endings: Sequence[Ending]) -> bool:
        first = {ending.service: ending for ending in endings if ending.replica == self._replicas[0]}
        listed = {(ending.service, said.id) for ending in endings for said in ending.instances}
        whole = len(endings) == len(self._replicas) * len(self._services)
        same = (
            all(set(ending.instances) == set(first[ending.service].instances) for ending in endings)
            if whole
            else False
        )
        return same and not self._dead & listed

    def _caught_up(self, epoch: str, revision: int) -> bool:
        return all(at == epoch and reached >= revision for at, reached in self._positions.values())


def described(service: str, id: str, serial: int) -> dict[str, Any]:
    said = {"service": service, "instance_id": id, "host": "10.3.1.2", "port": 9}
    return said | {"incarnation": str(serial), "metadata": {SERIAL: str(serial)}}


def spoken(by: str, epoch: str, message: Any, event: Any) -> Told:
    """A message as it is written down."""
    instances = [each for each in getattr(event, "instances", ()) if isinstance(each, InstanceView)]
    gone = [each for each in getattr(event, "instances", ()) if isinstance(each, told.Gone)]
    return Told(
        time.monotonic(),
        by,
        message.event,
        epoch,
        message.id,
        revision=getattr(event, "revision", 0),
        service=getattr(event, "service", ""),
        instances=tuple(said(each) for each in instances),
        gone=tuple((each.instance_id, each.why) for each in gone),
        more=getattr(event, "more", False),
        digest=getattr(event, "digest", ""),
    )


def said(view: InstanceView) -> Said:
    return Said(view.instance_id, view.generation, view.revision, int(view.metadata.get(SERIAL, "0")))


def listed(replica: str, answer: dict[str, Any]) -> Ending:
    seen, gone = [], []
    for each in answer["instances"]:
        if each["status"] in ("expired", "unhealthy"):
            gone.append((each["instance_id"], each["status"]))
        else:
            serial = int(each["metadata"].get(SERIAL, "0"))
            seen.append(Said(each["instance_id"], each["generation"], each["revision"], serial))
    return Ending(replica, answer["service"], answer["epoch"], tuple(seen), tuple(gone))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("notes", type=Path)
    parser.add_argument("--replica", action="append", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--watchers", type=int, required=True)
    parser.add_argument("--services", type=int, required=True)
    asked = parser.parse_args()
    load = Load(asked.notes, asked.replica, asked.rate, asked.watchers, asked.services)
    asyncio.run(load.run())


if __name__ == "__main__":
    main()
