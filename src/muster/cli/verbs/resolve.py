"""`muster resolve`: what a caller would get."""

from __future__ import annotations

import click
from msgspec import Struct

import muster
from muster.cli.completing import service_names
from muster.cli.connection import Target, registry_options
from muster.cli.durations import time_option
from muster.cli.exits import Exit
from muster.cli.failures import Failure, unreachable
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.cli.text import shown
from muster.client import Bound, Endpoint, NoEndpoint, NotReady
from muster.client.endpoint import of
from muster.wire.view import InstanceView

WAIT_S = 3.0
"""Longer than a request to a registry that is there ever takes."""


class Choice(Struct, frozen=True):
    """`age`: seconds since the registry last vouched for what was chosen from."""

    service: str
    address: str
    host: str
    port: int
    age: float
    instance: InstanceView


@click.command()
@click.argument("service", shell_complete=service_names)
@click.option(
    "--zone", envvar="MUSTER_ZONE", show_envvar=True, default="", help="The caller's, which is preferred."
)
@click.option("--all", "everything", is_flag=True, help="Every endpoint that takes turns, not one of them.")
@time_option("--wait", WAIT_S, "How long to wait for a registry.")
@registry_options
@output_option
def command(target: Target, service: str, zone: str, everything: bool, wait: float, output: Format) -> None:
    """Choose one instance of a service, as the library would.

    Prints its address alone, so that it can stand in a command: curl http://$(muster resolve web)/
    """
    access = target.access()
    token = access.token()
    with muster.Discovery(
        target.url,
        [service],
        namespace=target.namespace,
        zone=zone,
        token=token or None,
        tls=access.tls,
        dotted_names=True,
    ) as discovery:
        choices = _choices(discovery, service, wait, everything=everything)
    if everything:
        show(choices, output, lambda: _table(choices))
    elif output == "table":
        click.echo(shown(choices[0].address))
    else:
        show(choices[0], output, lambda: _table(choices))


def _choices(discovery: muster.Discovery, service: str, wait: float, *, everything: bool) -> list[Choice]:
    try:
        discovery.wait_ready(wait)
        picked = [discovery.pick(service)]
    except NotReady as error:
        raise unreachable(dict.fromkeys(discovery.status().registries, error.services[service])) from None
    except NoEndpoint as error:
        raise _nobody(error) from None
    mirror = discovery.mirror(service)
    age = mirror.age if isinstance(mirror, Bound) else 0.0
    if everything:
        used = discovery.shares(service)
        picked = [of(view) for view in discovery.instances(service) if view.instance_id in used]
    return [_choice(endpoint, age) for endpoint in picked]


def _choice(endpoint: Endpoint, age: float) -> Choice:
    instance = endpoint.instance
    return Choice(instance.service, endpoint.address, endpoint.host, endpoint.port, round(age, 3), instance)


def _nobody(error: NoEndpoint) -> Failure:
    if error.reason == "absent":
        return Failure(
            f"{error.service}: nothing of this name is registered",
            "`muster services` lists the services there are; mind --namespace",
            code=Exit.UNKNOWN,
        )
    return Failure(str(error), f"see why: muster instances {error.service} --all", code=Exit.NOBODY)


def _table(choices: list[Choice]) -> Table:
    rows = [
        (each.address, each.instance.instance_id, each.instance.zone, each.instance.status)
        for each in choices
    ]
    return Table(("address", "instance", "zone", "status"), rows, status="status")
