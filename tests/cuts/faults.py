"""What is done to three replicas and three members of etcd. Each is over when everybody is well again.

A fault takes the country and how long it may last (s). `SLICE` are those that a default run can afford.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tests.cuts.country import PREFIX, Country, pass_

Fault = Callable[[Country, float], None]
GONE_S: Final = 15.0
"""Longer than a membership lasts without being renewed."""


def replicas_are_killed(country: Country, seconds: float) -> None:
    for replica in country.replicas:
        replica.kill()
        pass_(seconds)
        replica.start()
        country.well()


def replicas_stand_still(country: Country, seconds: float) -> None:
    for replica in country.replicas:
        replica.pause()
        pass_(seconds)
        replica.resume()
        country.well()


def members_are_killed(country: Country, seconds: float) -> None:
    for member in country.etcd:
        member.kill()
        pass_(seconds)
        member.start()
        country.well()


def members_stand_still(country: Country, seconds: float) -> None:
    for member in country.etcd:
        member.pause()
        pass_(seconds)
        member.resume()
        country.well()


def the_leader_is_killed(country: Country, seconds: float) -> None:
    leader = country.leader()
    leader.kill()
    pass_(min(seconds, 5.0))
    leader.start()
    country.well()


def a_minority_is_cut_off(country: Country, seconds: float) -> None:
    """One member of etcd and one replica, on their side of a cut that lets neither through."""
    member, replica = country.leader(), country.replicas[0]
    for here in (member, replica):
        for other in (*country.etcd, *country.replicas):
            if other not in (member, replica):
                country.network.cut(here.host, other.host)
    _last(country, seconds)


def a_replica_is_cut_from_etcd(country: Country, seconds: float) -> None:
    """Its clients and the other replicas still reach it."""
    for member in country.etcd:
        country.network.cut(country.replicas[0].host, member.host)
    _last(country, seconds)


def a_replica_is_cut_from_its_clients(country: Country, seconds: float) -> None:
    """Etcd and the other replicas still reach it."""
    country.network.cut(country.replicas[1].host, "10.3.0.0/16")
    _last(country, seconds)


def replicas_are_cut_from_one_another(country: Country, seconds: float) -> None:
    """They have to ask through etcd."""
    one, two, three = country.replicas
    for here, there in ((one, two), (two, three), (one, three)):
        country.network.cut(here.host, there.host)
    _last(country, seconds)


def what_a_replica_says_does_not_come_to_etcd(country: Country, seconds: float) -> None:
    for member in country.etcd:
        country.network.drop(country.replicas[0].host, member.host)
    _last(country, seconds)


def what_etcd_says_does_not_come_to_a_replica(country: Country, seconds: float) -> None:
    for member in country.etcd:
        country.network.drop(member.host, country.replicas[1].host)
    _last(country, seconds)


def what_a_member_says_does_not_come_to_the_others(country: Country, seconds: float) -> None:
    silent = country.leader()
    for member in country.etcd:
        if member is not silent:
            country.network.drop(silent.host, member.host)
    _last(country, seconds)


def what_a_replica_says_does_not_come_to_the_others(country: Country, seconds: float) -> None:
    silent, *others = country.replicas
    for other in others:
        country.network.drop(silent.host, other.host)
    _last(country, seconds)


def etcd_is_away(country: Country, seconds: float) -> None:
    """All of it, from all of them."""
    country.network.cut("10.1.0.0/16", "10.2.0.0/16")
    _last(country, seconds)


def etcd_is_compacted_under_a_watch_that_is_behind(country: Country, seconds: float) -> None:
    replica = country.replicas[2]
    for member in country.etcd:
        country.network.cut(replica.host, member.host)
    pass_(seconds)
    country.ctl("compaction", revision(country), "--physical")
    _last(country, 0)


def etcd_is_out_of_space(country: Country, seconds: float) -> None:
    """Filled by somebody else. It refuses every write until room is made and the alarm taken back."""
    filled = 0
    while "NOSPACE" not in country.ctl("alarm", "list", check=False):
        country.ctl("put", f"somebody/else/{filled}", "x" * 100_000, check=False)
        filled += 1
    pass_(seconds)
    country.ctl("del", "--prefix", "somebody/", check=False)
    country.ctl("compaction", revision(country), "--physical", check=False)
    for member in country.etcd:
        country.ctl("defrag", at=member)
    country.ctl("alarm", "disarm")
    country.until(lambda: "NOSPACE" not in country.ctl("alarm", "list"))
    country.well()


def etcd_is_put_back(country: Country, seconds: float) -> tuple[float, float]:
    """To a snapshot of some time ago, all members, by the book. Between which moments the acknowledged is gone."""
    snapshot = country.folder / "snapshot"
    pass_(seconds / 5)  # something is in it
    began = time.monotonic()
    country.ctl("snapshot", "save", str(snapshot), at=country.etcd[0])
    pass_(seconds)
    for member in country.etcd:
        member.kill()
    ended = time.monotonic()
    country.generation += 1
    for member in country.etcd:
        places = ("--data-dir", str(country.data(member)), "--initial-advertise-peer-urls")
        cluster = (
            "--initial-cluster",
            country.initial,
            "--initial-cluster-token",
            "country",
            "--name",
            member.name,
        )
        country.ctl(
            "snapshot", "restore", str(snapshot), *places, f"http://{member.host}:2380", *cluster, at=member
        )
    country.found_etcd()
    for member in country.etcd:
        member.start()
    country.well()
    return began, ended


def revision(country: Country) -> str:
    """Etcd's own, of now."""
    said = country.ctl("get", f"{PREFIX}/epoch", "--write-out=fields", at=country.leader())
    return next(
        line.rpartition(":")[2].strip() for line in said.splitlines() if line.startswith('"Revision"')
    )


def _last(country: Country, seconds: float) -> None:
    pass_(seconds)
    country.network.heal()
    country.well()


SLICE: Final[tuple[tuple[Fault, float], ...]] = (
    (the_leader_is_killed, 1.0),
    (what_etcd_says_does_not_come_to_a_replica, 1.0),
    (etcd_is_compacted_under_a_watch_that_is_behind, 1.0),
)
FAULTS: Final[dict[Fault, float]] = {
    replicas_are_killed: GONE_S,
    replicas_stand_still: GONE_S,
    members_are_killed: 5.0,
    members_stand_still: 5.0,
    a_minority_is_cut_off: GONE_S,
    a_replica_is_cut_from_etcd: GONE_S,
    a_replica_is_cut_from_its_clients: GONE_S,
    replicas_are_cut_from_one_another: GONE_S,
    what_a_replica_says_does_not_come_to_etcd: GONE_S,
    what_etcd_says_does_not_come_to_a_replica: GONE_S,
    what_a_member_says_does_not_come_to_the_others: GONE_S,
    what_a_replica_says_does_not_come_to_the_others: GONE_S,
    etcd_is_away: GONE_S,
    etcd_is_compacted_under_a_watch_that_is_behind: GONE_S,
}
"""How long each lasts (s) when there is time."""
