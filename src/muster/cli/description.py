"""An instance as it is described on a command line: the options of `run` and `register`, and the registration they make.

The registration is checked here by the registry's own rules, so that a mistake is told before anything is started.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import click
import msgspec

from muster.model import limits
from muster.model.errors import Rejected
from muster.wire import registration
from muster.wire.checks import CheckBody
from muster.wire.registration import EndpointBody, RegisterBody, Registration

Command = TypeVar("Command", bound=Callable[..., Any])

_CHECK: Final = re.compile(r"(?P<kind>https?|tcp|tls|grpcs?|ttl)(?::(?P<rest>.*))?")
_ENDPOINT: Final = re.compile(r"(?P<name>[^=]+)=(?P<port>\d{1,5})(?:/(?P<protocol>[^/]+))?")

CHECK_HELP = "http:/PATH, https:/PATH, tcp, tls, grpc[:SERVICE], grpcs[:SERVICE] or ttl:TIME. Repeatable."


def _option(
    *names: str, variable: str | list[str] | None = None, **rest: Any
) -> Callable[[Command], Command]:
    return click.option(*names, envvar=variable, show_envvar=variable is not None, **rest)


OPTIONS: Final = (
    _option(
        "--service",
        metavar="NAME",
        required=True,
        variable=["MUSTER_SERVICE", "OTEL_SERVICE_NAME"],
        help="The name callers ask for.",
    ),
    _option(
        "--port",
        metavar="PORT",
        type=click.IntRange(1, 65_535),
        required=True,
        variable="PORT",
        help="The port it serves.",
    ),
    _option(
        "--id",
        "instance_id",
        metavar="ID",
        variable="MUSTER_INSTANCE_ID",
        help="[default: SERVICE-HOST-PORT]",
    ),
    _option(
        "--host",
        metavar="HOST",
        variable=["MUSTER_HOST", "POD_IP"],
        help="The address callers reach it at.  [default: this machine's, as the registry sees it]",
    ),
    _option("--protocol", metavar="NAME", default="http", show_default=True, help="What the port speaks."),
    _option(
        "--endpoint",
        "endpoints",
        multiple=True,
        metavar="NAME=PORT[/PROTOCOL]",
        help="One more port. Repeatable.",
    ),
    _option(
        "--zone", metavar="ZONE", variable="MUSTER_ZONE", help="Where it runs; callers prefer their own zone."
    ),
    _option("--region", metavar="REGION", variable="MUSTER_REGION", help="What the zone is part of."),
    _option("--version", metavar="VERSION", variable="MUSTER_VERSION", help="Of the program."),
    _option(
        "--group", metavar="GROUP", variable="MUSTER_GROUP", help="Deployment group, such as blue or canary."
    ),
    _option(
        "--weight", metavar="N", type=click.IntRange(0, 65_535), help="Its share of requests.  [default: 100]"
    ),
    _option("--tag", "tags", metavar="TAG", multiple=True, help="A tag. Repeatable."),
    _option("--meta", "metadata", multiple=True, metavar="KEY=VALUE", help="A pair of metadata. Repeatable."),
    _option("--check", "checks", multiple=True, metavar="CHECK", help=CHECK_HELP),
    _option("--check-interval", metavar="TIME", help="How often its checks run.  [default: 10s]"),
    _option("--ttl", metavar="TIME", help="Gone this long after the last heartbeat.  [default: 30s]"),
)


def description_options(command: Command) -> Command:
    """Adds all of OPTIONS, in their order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def body(own_host: str, *, static: bool = False, **options: Any) -> RegisterBody:
    """The registration of the options' values. `own_host`: where callers reach this machine, unless --host says so.

    Raises `click.BadParameter`.
    """
    host = options["host"] or own_host
    return RegisterBody(
        service=options["service"],
        instance_id=options["instance_id"] or f"{options['service']}-{host}-{options['port']}",
        host=host,
        endpoints=[
            EndpointBody(options["port"], "default", options["protocol"]),
            *map(endpoint, options["endpoints"]),
        ],
        zone=options["zone"],
        region=options["region"],
        version=options["version"],
        deployment_group=options["group"],
        weight=options["weight"],
        tags=list(options["tags"]),
        metadata=dict(_pairs(options["metadata"])),
        checks=[check(text, interval=options["check_interval"]) for text in options["checks"]],
        ttl=options["ttl"],
        static=static,
    )


def checked(description: RegisterBody, namespace: str) -> Registration:
    """As the registry will read it. Raises `click.UsageError` that names the field."""
    try:
        return registration.parse(msgspec.json.encode(description), namespace, dots=True)
    except Rejected as rejected:
        raise click.UsageError(f"{rejected.field or 'registration'}: {rejected.detail}") from None


def endpoint(text: str) -> EndpointBody:
    """`metrics=9090`, `grpc=50051/grpc`."""
    match = _ENDPOINT.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not NAME=PORT or NAME=PORT/PROTOCOL", param_hint="--endpoint")
    return EndpointBody(int(match["port"]), match["name"], match["protocol"] or "http")


def check(text: str, *, interval: str | float | None = None) -> CheckBody:
    """`http:/health`, `https:/health`, `tcp`, `tls`, `grpc`, `grpc:orders.Orders`, `ttl:30s`."""
    match = _CHECK.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not one of {CHECK_HELP}", param_hint="--check")
    kind, rest = match["kind"], match["rest"] or ""
    every = limits.CHECK_INTERVAL_S if interval is None else interval
    match kind:
        case "http" | "https":
            return CheckBody("http", path=rest or "/", tls=kind == "https", interval=every)
        case "grpc" | "grpcs":
            return CheckBody("grpc", grpc_service=rest, tls=kind == "grpcs", interval=every)
        case "ttl":
            return CheckBody("ttl", ttl=rest)
    if rest:
        raise click.BadParameter(f"{kind} takes nothing after it, not {rest!r}", param_hint="--check")
    return CheckBody("tcp", tls=kind == "tls", interval=every)


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--meta")
        yield key, value
