"""`muster register`: an instance that is somebody else's process, or none at all."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from muster.cli.connection import Target, owner_option, read, registry_options, secret_of
from muster.cli.description import body, checked, description_options
from muster.cli.durations import time_option
from muster.cli.exits import Exit
from muster.cli.failures import Failure, of_refusal
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.cli.text import shown
from muster.cli.wrapper.membership import acknowledged_line
from muster.client import parting
from muster.client.errors import Refused
from muster.client.http import Request
from muster.client.registrar import Registrar
from muster.model import limits
from muster.wire.registration import RegisterBody

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@click.command()
@description_options
@click.option(
    "--static", is_flag=True, help="No lease: listed until it is deregistered; for databases and the like."
)
@click.option("--once", is_flag=True, help="Register and end; somebody else sends the heartbeats.")
@time_option(
    "--drain-wait", limits.DRAIN_WAIT_S, "How long readers have to acknowledge the drain at the end."
)
@owner_option
@registry_options
@output_option
def command(
    target: Target,
    static: bool,
    once: bool,
    drain_wait: float,
    owner_secret_file: Path | None,
    output: Format,
    **described: Any,
) -> None:
    """Register an instance, and keep it registered; or a static one.

    Stays in the foreground and sends heartbeats; on ^C or SIGTERM the instance is drained and deregistered. With --static or
    --once it ends when the registry has answered. To start the instance's program as well, use `muster run`.
    """
    description = body(target.own_host(), static=static, **described)
    if owner_secret_file is not None:
        description = replace(description, owner_secret=secret_of(owner_secret_file))
    checked(description, target.namespace)
    if static or once:
        _register(target, description, output)
    else:
        _keep(target, description, drain_wait)


def _register(target: Target, description: RegisterBody, output: Format) -> None:
    answer = read(target.connect().send(Request("POST", "/register", body=_bare(description))), dict)
    row = [answer.get(name) for name in ("instance_id", "service", "generation", "status")]
    show(
        answer, output, lambda: Table(("instance", "service", "generation", "status"), [row], status="status")
    )


def _bare(description: RegisterBody) -> dict[str, object]:
    """Without what was not said."""
    fields = msgspec.to_builtins(description)
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _keep(target: Target, description: RegisterBody, drain_wait: float) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # before the registrar's threads exist: they inherit it
    registrar = Registrar(
        [registry.url for registry in target.registries],
        description,
        namespace=target.namespace,
        token=target.token,
        tls=target.access().tls,
    )
    _until_registered(registrar)
    click.echo(
        f"{shown(registrar.status().instance_id)} is registered; ^C drains and deregisters it", err=True
    )
    signal.sigwait(ENDING)
    click.echo(acknowledged_line(parting.drain(registrar, drain_wait)), err=True)
    parting.leave(registrar)


def _until_registered(registrar: Registrar) -> None:
    """Raises `Failure` if the registry will not, or does not answer at first; later it may go and come as it likes."""
    try:
        registrar.wait_registered()
    except Refused as refused:
        raise of_refusal(refused) from None
    except TimeoutError as error:
        raise Failure(str(error), code=Exit.UNREACHABLE) from None
