"""Three replicas: whoever lives is never expired, whoever died leaves, and nothing that was acknowledged is lost."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import muster
from tests.etcd import free_ports
from tests.faults.replicas import START_S, Beating, Replica, Trio, register

from muster.core.ownership import Roster

pytestmark = pytest.mark.fault

LIVE = 12
LIFE_S = 2.5
SAME = "same"


def pass_(seconds: float) -> None:
    """A life of so long, which is what is waited for."""
    threading.Event().wait(seconds)


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Trio]:
    with Trio(tmp_path) as trio:
        yield trio


def agree(trio: Trio) -> bool:
    """All replicas tell the same."""
    first, *rest = (trio.statuses(replica) for replica in trio.replicas)
    return bool(first) and all(each == first for each in rest)


def gone(trio: Trio, id: str) -> bool:
    return all(trio.statuses(replica).get(id) == "expired" for replica in trio.replicas)


def test_heartbeats_may_hop_and_the_dead_leave(trio: Trio) -> None:
    with Beating(trio, LIVE) as beating:
        register(trio.replicas[0], "dead")
        trio.until(lambda: gone(trio, "dead"))
        assert agree(trio)
    assert (beating.wrong, beating.refused) == ([], 0)


def test_a_killed_replica_takes_nobody_with_it(trio: Trio) -> None:
    with Beating(trio, LIVE, ttl=6.0) as beating:
        victim, other, _ = trio.replicas
        victim.kill()
        trio.until(lambda: trio.members(other) == 2)
        register(other, "dead", 3.0)
        trio.until(lambda: trio.statuses(other).get("dead") == "expired")
        victim.start()
        trio.until(lambda: trio.members(victim) == 3 and agree(trio))
    assert (beating.wrong, beating.refused) == ([], 0)


def test_a_replica_that_is_back_quickly_is_shown_to_rest(
    trio: Trio, capsys: pytest.CaptureFixture[str]
) -> None:
    victim, other, _ = trio.replicas
    victim.kill()
    victim.start()

    def resting() -> dict[str, str]:
        ran = muster(capsys, "replicas", "--url", f"http://127.0.0.1:{other.port}")
        head, *lines = map(str.split, ran.out.splitlines())
        return {line[0]: line[head.index("resting")] for line in lines}

    rests = {f"127.0.0.1:{each.port}": "yes" if each is victim else "-" for each in trio.replicas}
    trio.until(lambda: resting() == rests)

    for replica in trio.replicas:
        replica.kill()
    for replica in trio.replicas:
        replica.start()
    trio.until(lambda: trio.members(other) == 3)  # where all would rest, somebody has to own
    trio.until(lambda: resting() == dict.fromkeys(rests, "-"))


def test_of_two_that_are_called_the_same_one_gives_way_and_says_so(trio: Trio, tmp_path: Path) -> None:
    """A configuration was copied, with its `replica.url`."""
    first, other, _ = trio.replicas
    register(other, "live", 3600.0)
    (port,) = free_ports(1)
    copy = Replica(
        tmp_path, port, f"{trio.etcd.url}/trio", ("--replica-url", f"http://127.0.0.1:{first.port}")
    )
    copy.start()
    try:
        trio.until(lambda: first.call("PUT", "/heartbeat/live")[0] == 503)
        trio.until(lambda: copy.call("PUT", "/heartbeat/live")[0] == 204)
        for _ in range(6):  # it stays so for longer than memberships are renewed
            pass_(1.0)
            (status, told), (taken, _) = (each.call("PUT", "/heartbeat/live") for each in (first, copy))
            assert (status, taken) == (503, 204)
        assert "each needs a replica.url, or a replica.name, of its own" in told["detail"]
        (line,) = (each for each in first.call("GET", "/replicas")[1]["replicas"] if each["me"])
        assert "is called" in line["problem"]
        assert (tmp_path / f"{first.port}.log").read_text().count("cut off from the other replicas") == 1
    finally:
        copy.kill()
    trio.until(lambda: first.call("PUT", "/heartbeat/live")[0] == 204)


@pytest.mark.slow
def test_a_replica_that_crashes_all_the_time_keeps_no_dead_instance(trio: Trio) -> None:
    """It is back each time before the lease is over, and lives long enough to be asked."""
    victim, other, another = trio.replicas
    names = Roster("", frozenset(f"127.0.0.1:{each.port}" for each in trio.replicas))
    ids = (f"dead-{n}" for n in range(1000))
    dead = next(id for id in ids if names.owner(f"default/{id}") == f"127.0.0.1:{victim.port}")

    def crashed_and_it_left() -> bool:
        victim.kill()
        victim.start()
        trio.until(lambda: bool(trio.statuses(victim)))
        pass_(LIFE_S)
        return all(trio.statuses(each).get(dead) == "expired" for each in (other, another))

    with Beating(trio, LIVE, ttl=6.0) as beating:
        register(other, dead, 6.0)
        trio.until(crashed_and_it_left, 3 * START_S)
    assert beating.wrong == []


def test_a_paused_replica_acknowledges_nothing_it_cannot_keep(trio: Trio) -> None:
    with Beating(trio, LIVE, ttl=6.0) as beating:
        victim, other, _ = trio.replicas
        victim.signal(signal.SIGSTOP)
        trio.until(lambda: trio.members(other) == 2)
        victim.signal(signal.SIGCONT)
        trio.until(lambda: trio.members(other) == 3 and agree(trio))
    assert (beating.wrong, beating.refused) == ([], 0)


def test_without_etcd_reads_go_on_and_nobody_expires(trio: Trio) -> None:
    (etcd,) = trio.etcd.members
    with Beating(trio, LIVE) as beating:
        etcd.pause()
        one = trio.replicas[0]
        trio.until(lambda: one.call("PUT", "/heartbeat/live-0")[0] == 503)
        assert set(trio.statuses(one).values()) == {"healthy"}
        assert "etcd" in one.call("GET", "/status")[1]["store_trouble"]
        assert one.call("POST", "/register", {"service": "web", "host": "h", "port": 1}, timeout=10)[0] == 503
        etcd.resume()
        trio.until(lambda: one.call("PUT", "/heartbeat/live-0")[0] == 204)
        trio.until(lambda: agree(trio))
    assert [each for each in beating.wrong if each[1] != 404] == []  # type: ignore[index]


def test_a_replica_that_cannot_be_reached_is_asked_through_the_store(tmp_path: Path) -> None:
    nowhere = ("--replica-name", "aside", "--replica-url", "http://127.0.0.1:1")
    with Trio(tmp_path, last=nowhere) as trio:
        aside = trio.replicas[-1]
        register(aside, "dead")
        register(aside, "live")
        wrong = []

        def dead_gone() -> bool:
            aside.call("PUT", "/heartbeat/live")
            wrong.extend(
                s
                for r in trio.replicas
                for id, s in trio.statuses(r).items()
                if (id, s) == ("live", "expired")
            )
            return gone(trio, "dead")

        trio.until(dead_gone, within=60)
        assert wrong == []


def test_one_id_registered_at_all_replicas_at_the_same_instant_is_the_last_ones(trio: Trio) -> None:
    """Each is told a generation of its own; whoever lost learns it by its first heartbeat, wherever that goes."""

    def at_once(incarnations: Sequence[str]) -> list[int]:
        with ThreadPoolExecutor(3) as pool:
            told = list(pool.map(registered, trio.replicas, incarnations))
        return [each["generation"] for each in told]

    def registered(replica: Replica, incarnation: str) -> Any:
        port = replica.port if incarnation != SAME else 9
        body = {"service": "web", "instance_id": "one", "host": "h", "port": port, "ttl": 3600.0}
        return replica.call("POST", "/register", body | {"incarnation": incarnation}, timeout=10)[1]

    for turn in range(5):
        generations = at_once([f"{name}-{turn}" for name in "abc"])
        assert len(set(generations)) == 3
        for step, generation in enumerate(generations):
            there = trio.replicas[(step + turn) % 3]
            status, _ = there.call("PUT", f"/heartbeat/one?generation={generation}")
            assert status == (204 if generation == max(generations) else 409)
    assert len(set(at_once([SAME] * 3))) == 1  # a retry elsewhere is not another registration
    trio.until(lambda: agree(trio))


def test_an_id_nobody_knows_is_unknown_only_if_the_store_says_so(trio: Trio) -> None:
    one = trio.replicas[0]
    assert one.call("PUT", "/heartbeat/nobody")[0] == 404
    (etcd,) = trio.etcd.members
    etcd.pause()
    status, told = one.call("PUT", "/heartbeat/nobody", timeout=10)
    etcd.resume()
    assert (status, told["code"]) == (503, "try_another")


def test_what_was_acknowledged_is_there_after_all_were_killed(trio: Trio) -> None:
    for n in range(30):
        register(trio.replicas[n % 3], f"kept-{n}", 3600.0)
    for replica in trio.replicas:
        replica.kill()
    (etcd,) = trio.etcd.members
    etcd.kill()
    etcd.start().wait()
    for replica in trio.replicas:
        replica.start()
    trio.until(lambda: all(len(trio.statuses(replica)) == 30 for replica in trio.replicas))


def rounds(trio: Trio, seconds: float) -> list[str]:
    """Kill, then pause, one member of etcd after the other while instances register; the ids whose registration was acknowledged."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def keep_registering() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            told = {"service": "web", "instance_id": f"kept-{n}", "host": "127.0.0.1", "port": 9, "ttl": 3600}
            if trio.replicas[n % 3].call("POST", "/register", told, timeout=10)[0] == 201:
                acknowledged.append(f"kept-{n}")

    registrar = threading.Thread(target=keep_registering)
    registrar.start()
    until = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < until:
        member = trio.etcd.members[turn % 3]
        if turn % 2:
            member.pause()
        else:
            member.kill()
        before = len(acknowledged)
        trio.until(lambda before=before: len(acknowledged) > before + 20)  # type: ignore[misc]
        if turn % 2:
            member.resume()
        else:
            member.start()
        member.wait()
        turn += 1
    stop.set()
    registrar.join()
    return acknowledged


@pytest.mark.parametrize(
    "seconds", [5.0, pytest.param(300.0, marks=pytest.mark.slow)], ids=["a slice", "five minutes"]
)
def test_etcds_members_may_fall_one_after_the_other(tmp_path: Path, seconds: float) -> None:
    with Trio(tmp_path, 3) as trio, Beating(trio, LIVE, ttl=12.0) as beating:
        acknowledged = rounds(trio, seconds)
        trio.until(lambda: agree(trio))
        lost = set(acknowledged) - trio.statuses(trio.replicas[0]).keys()
    assert (lost, beating.wrong) == (set(), [])
    assert len(acknowledged) > 40
