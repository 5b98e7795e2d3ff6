"""`muster simulate`: who would get how much traffic under a policy, by the very pickers the library uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, Final

import click
from msgspec import Struct

from muster.cli.connection import Target, registry_options
from muster.cli.documents import STDIN, policy_in
from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.cli.text import shown
from muster.cli.verbs.policy import PolicyView, held_of
from muster.client.endpoint import Endpoint, of
from muster.client.http import part
from muster.model import limits
from muster.model.policy import DEFAULT, Policy
from muster.policy.endpoint import Place
from muster.policy.simulation import Forecast, simulate
from muster.wire import policy as wire
from muster.wire.view import InstanceList, InstanceView

EACH_ZONE: Final = 3
"""Instances that are made up for each zone of the callers where nobody says which there are."""
NO_ZONE: Final = "(no zone)"
UNHEARD: Final = (
    "note: no caller knows how many others there are, so each takes all zones to have as many; "
    "the policy can tell them: locality: {{callers: {{{callers}}}}}"
)
Counts = dict[Place, int]


class Simulated(Struct, frozen=True):
    """`served`: the part of all requests that finds an instance; `crossing`: the part that leaves its caller's zone."""

    served: float
    crossing: float
    instances: list[dict[str, Any]]
    callers: list[dict[str, Any]]


class Places(click.ParamType[Any]):
    """`zone=a:3,zone=b:1`: how many there are where. A region may stand before: `zone=eu/a:3`. `most`: all of them together."""

    name = "zone=ZONE:COUNT,..."

    def __init__(self, most: int = limits.POLICY_COUNT_MAX) -> None:
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Counts:
        counts: Counts = {}
        for entry in str(value).split(","):
            where, _, count = entry.strip().rpartition(":")
            zone = where.removeprefix("zone=")
            if zone == where or not (count.isascii() and count.isdecimal() and int(count)):
                self.fail(f"{entry!r} is not zone=ZONE:COUNT, with a whole number above 0", param, ctx)
            region, _, name = zone.rpartition("/")
            if counts.setdefault(Place(name, region), int(count)) != int(count):
                self.fail(f"zone {zone!r} is there twice", param, ctx)
        if sum(counts.values()) > self._most:
            self.fail(f"more than {self._most:,} in all", param, ctx)
        return counts


class Failed(click.ParamType[Any]):
    """`zone=a` or `id=web-7`."""

    name = "zone=ZONE|id=ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Outage:
        what, equals, which = str(value).partition("=")
        if not equals or what not in _NAMES:
            self.fail(f"{value!r} is neither zone=ZONE nor id=ID", param, ctx)
        return Outage(what, which)


class Outage(Struct, frozen=True):
    """The instances that `--fail` means."""

    what: str
    which: str

    def hits(self, instance: InstanceView) -> bool:
        return self.which in _NAMES[self.what](instance)

    def __str__(self) -> str:
        return f"{self.what}={self.which}"


_NAMES: Final[dict[str, Callable[[InstanceView], tuple[str, ...]]]] = {
    "zone": lambda one: (one.zone, str(Place(one.zone, one.region))),
    "id": lambda one: (one.instance_id,),
}


@click.command()
@click.argument("policy")
@click.option(
    "--callers",
    required=True,
    type=Places(),
    help="Where the callers are, and how many, such as zone=a:3,zone=b:1.",
)
@click.option(
    "--fail",
    "failed",
    multiple=True,
    type=Failed(),
    help="What every caller has ejected: zone=a, or id=web-7.",
)
@click.option(
    "--instances",
    type=Places(limits.INSTANCES_PER_SERVICE),
    help=f"Made-up instances. Otherwise those registered, or {EACH_ZONE} in each zone of the callers.",
)
@registry_options
@output_option
def command(
    target: Target,
    policy: str,
    callers: Counts,
    failed: tuple[Outage, ...],
    instances: Counts | None,
    output: Format,
) -> None:
    """Show who would get how much traffic under a policy.

    POLICY is a file (or `-`), or a service, whose policy and instances are taken. Nothing is random: these are the shares in the
    long run, while all instances are idle.
    """
    asked, listed = _scene(target, policy)
    views = _made_up(instances) if instances else listed or _made_up(dict.fromkeys(callers, EACH_ZONE))
    endpoints = [of(view) for view in views]
    down = _down(views, failed)
    forecast = simulate(asked, endpoints, callers, Random(0), down=down)  # noqa: S311 - no secret, and the same every time
    simulated = _simulated(forecast, endpoints, down)
    show(simulated, output, lambda: _table(simulated))
    if _unheard(asked, callers):
        click.echo(shown(UNHEARD.format(callers=_as_yaml(callers))), err=True)


def _down(views: Iterable[InstanceView], failed: Iterable[Outage]) -> set[str]:
    """Ids. Raises `Failure` for an outage that hits nobody: it is a mistake, and would look like a policy that copes."""
    down = set()
    for outage in failed:
        hit = {view.instance_id for view in views if outage.hits(view)}
        if not hit:
            known = sorted({view.zone or NO_ZONE for view in views})
            raise Failure(
                f"--fail {shown(str(outage))}: no instance is hit by that",
                f"instances are in {shown(', '.join(known))}",
                code=Exit.USAGE,
            )
        down |= hit
    return down


def _unheard(policy: Policy, callers: Counts) -> bool:
    """Whether the zones' sizes matter, and the policy does not tell them."""
    uneven = len(set(callers.values())) > 1
    return uneven and policy.locality.mode == "zone_aware" and not policy.locality.callers


def _as_yaml(callers: Counts) -> str:
    return ", ".join(f"{place.zone}: {count}" for place, count in callers.items())


def _scene(target: Target, policy: str) -> tuple[Policy, list[InstanceView]]:
    """The policy meant, and the service's instances if it is a service that was named."""
    if policy == STDIN or Path(policy).exists() or _is_path(policy):
        return policy_in(policy), []
    connection = target.connect()
    listed = connection.get(f"/services/{part(policy)}/instances", InstanceList).instances
    held: PolicyView | None = held_of(connection, policy)
    if not listed:
        raise Failure(f"{policy}: no instance may take requests; make some up with --instances")
    return (wire.parse(held.policy) if held else DEFAULT), list(listed)


def _is_path(policy: str) -> bool:
    """No service has such a name."""
    return "/" in policy or policy.endswith((".yaml", ".yml", ".json"))


def _made_up(counts: Counts) -> list[InstanceView]:
    return [
        _instance(f"{str(place).replace('/', '-') or 'somewhere'}-{number}", place)
        for place, count in counts.items()
        for number in range(1, count + 1)
    ]


def _instance(id: str, place: Place) -> InstanceView:
    return InstanceView(
        instance_id=id,
        service="simulated",
        host=f"{id}.invalid",
        port=80,
        endpoints=(),
        zone=place.zone,
        region=place.region,
        status="healthy",
        generation=1,
        revision=1,
    )


def _simulated(forecast: Forecast, endpoints: Iterable[Endpoint], down: set[str]) -> Simulated:
    instances = [
        {
            "instance": portion.instance_id,
            "zone": portion.zone,
            "share": round(portion.share, 4),
            "load": round(portion.load, 3),
            "failed": portion.instance_id in down,
        }
        for portion in forecast.portions
    ]
    callers = [
        {
            "callers": str(flow.place),
            "share": round(flow.share, 4),
            "to": {zone: round(part_, 4) for zone, part_ in sorted(flow.zones.items())},
            "refused": flow.refused,
        }
        for flow in forecast.flows
    ]
    return Simulated(round(forecast.served, 4), round(forecast.crossing, 4), instances, callers)


def _table(simulated: Simulated) -> Table:
    return Table(
        ("who", "share", "load", "where"),
        [
            *map(_caller_row, simulated.callers),
            *map(_instance_row, simulated.instances),
            ("served", _percent(simulated.served), "", ""),
            ("leaving their zone", _percent(simulated.crossing), "", ""),
        ],
    )


def _caller_row(one: dict[str, Any]) -> tuple[object, ...]:
    to = ", ".join(f"{zone or NO_ZONE} {_percent(share)}" for zone, share in one["to"].items())
    return (f"callers in {one['callers'] or NO_ZONE}", _percent(one["share"]), "", to or one["refused"])


def _instance_row(one: dict[str, Any]) -> tuple[object, ...]:
    where = f"{one['zone'] or NO_ZONE}{', failed' if one['failed'] else ''}"
    return (one["instance"], _percent(one["share"]), f"{one['load']:.2f}", where)


def _percent(share: float) -> str:
    return f"{share:.1%}"
