"""`muster run`: a program in any language, as an instance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from muster.cli.connection import Target, owner_option, registry_options, secret_of
from muster.cli.description import body, checked, description_options
from muster.cli.durations import time_option
from muster.cli.wrapper.launch import run
from muster.cli.wrapper.membership import RegistrarMembership
from muster.cli.wrapper.sequence import Plan
from muster.client.registrar import Registrar
from muster.model import limits
from muster.wire.registration import RegisterBody, Registration


@click.command(context_settings={"allow_interspersed_args": False})
@description_options
@click.option("--no-wait", is_flag=True, help="Register at once, not when the port answers.")
@time_option("--drain-wait", limits.DRAIN_WAIT_S, "How long readers have to acknowledge the drain.")
@time_option("--limit", limits.RUN_LIMIT_S, "The signal to stop is handed on within this, whatever happens.")
@owner_option
@registry_options
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
def command(
    target: Target,
    command: tuple[str, ...],
    no_wait: bool,
    drain_wait: float,
    limit: float,
    owner_secret_file: Path | None,
    **options: Any,
) -> int:
    """Run a program as an instance: register, heartbeat, drain, deregister.

    \b
    muster run --service web --port 8080 --zone a --check http:/health -- ./server

    The program finds its port in $PORT and is registered when the port answers. On SIGTERM, SIGINT or SIGQUIT it is drained
    first: callers are told and acknowledge, requests under way are answered, then the program gets the signal. A second
    signal is handed on at once; all others are handed on as they come. A program that dies is reported at once. Its exit
    code is ours, its input and output are its own; our few lines go to stderr. Safe as process 1 of a container.
    """
    description = body(target.own_host(), **options)
    if owner_secret_file is not None:
        description = replace(description, owner_secret=secret_of(owner_secret_file))
    plan = _plan(checked(description, target.namespace), wait_for_port=not no_wait, limit=limit)
    registrar = _registrar(target, description)
    return run(
        command,
        {**os.environ, "PORT": str(plan.port), "MUSTER_REGISTER": "0"},  # what it registers itself is ours
        plan,
        lambda events: RegistrarMembership(registrar, min(drain_wait, limit), events, _say),
        _say,
    )


def _plan(registration: Registration, *, wait_for_port: bool, limit: float) -> Plan:
    instance = registration.instance
    return Plan(
        host=instance.host,
        port=instance.port,
        ports=frozenset(endpoint.port for endpoint in instance.endpoints),
        wait_for_port=wait_for_port,
        limit=limit,
    )


def _registrar(target: Target, description: RegisterBody) -> Registrar:
    access = target.access()
    access.token()  # a file that cannot be read is told now, not by a thread later
    return Registrar(
        [registry.url for registry in target.registries],
        description,
        namespace=target.namespace,
        token=target.token,
        tls=access.tls,
    )


def _say(line: str) -> None:
    click.echo(f"muster: {line}", err=True)
