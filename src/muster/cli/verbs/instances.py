"""`muster instances`: who is registered, and in what state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from muster.cli.completing import instance_ids, service_names
from muster.cli.connection import Connection, Target, registry_options
from muster.cli.output import Format, output_option, show
from muster.cli.progress import each_shown
from muster.cli.table import Table
from muster.client.http import part
from muster.wire.answers import Services
from muster.wire.filters import KNOWN_STATUSES
from muster.wire.view import InstanceView

FILTERS = ("zone", "region", "version", "subset")


def _filters(command: Any) -> Any:
    for name in reversed(FILTERS):
        command = click.option(f"--{name}", help=f"Only those of this {name}.")(command)
    return command


@click.command()
@click.argument("service", required=False, shell_complete=service_names)
@click.option("--id", "instance_id", shell_complete=instance_ids, help="Show this one instance, whole.")
@_filters
@click.option("--tag", "tags", multiple=True, help="Only those with this tag. Repeatable.")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(KNOWN_STATUSES), help="Only those. Repeatable."
)
@click.option("--all", "everything", is_flag=True, help="Also those that take no requests now.")
@registry_options
@output_option
def command(
    target: Target, service: str | None, instance_id: str | None, output: Format, **chosen: Any
) -> None:
    """List the instances of a service, or show one whole.

    Without SERVICE those of every service. Only instances that may receive requests are listed, unless --all or --status
    says otherwise.
    """
    connection = target.connect()
    if instance_id is not None:
        detail = connection.get(f"/instances/{part(instance_id)}", dict)
        show(detail, output, lambda: _one(detail))
        return
    listed = list(_listed(connection, service, _query(**chosen)))
    show(listed, output, lambda: _many(msgspec.convert(listed, list[InstanceView])))


def _query(
    tags: tuple[str, ...], statuses: tuple[str, ...], everything: bool, **named: str | None
) -> dict[str, Any]:
    return {**named, "tag": tags, "status": statuses, "all": "1" if everything and not statuses else None}


def _listed(connection: Connection, service: str | None, query: dict[str, Any]) -> Iterable[dict[str, Any]]:
    names = [service] if service else _all_services(connection)
    for name in each_shown(names, "reading services"):
        body = connection.get(f"/services/{part(name)}/instances", dict, **query)
        yield from body.get("instances", ())


def _all_services(connection: Connection) -> list[str]:
    return sorted(each.service for each in connection.get("/services", Services).services)


def _many(views: list[InstanceView]) -> Table:
    rows = [
        (
            view.service,
            view.instance_id,
            f"{view.host}:{view.port}",
            view.zone,
            view.version,
            view.weight,
            f"{view.status} (overdue)" if view.overdue else view.status,
        )
        for view in views
    ]
    columns = ("service", "instance", "address", "zone", "version", "weight", "status")
    return Table(
        columns, rows, status="status", empty="no instance (--all shows those that take no requests)"
    )


def _one(detail: dict[str, Any]) -> Table:
    rows = [(name, _flat(name, value)) for name, value in detail.items()]
    return Table(("field", "value"), rows, status="value")


def _flat(name: str, value: object) -> object:
    """Times as people read them; nested values on one line, as JSON."""
    if name.endswith("_at") and isinstance(value, int) and value:
        return datetime.fromtimestamp(value / 1000, UTC).astimezone().isoformat(" ", "milliseconds")
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode() if value else None
    return value
