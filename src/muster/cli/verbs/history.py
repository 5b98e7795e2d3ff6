"""`muster history`: what happened, when, and why."""

from __future__ import annotations

from typing import Any

import click

from muster.cli.clock import clock
from muster.cli.completing import instance_ids, service_names
from muster.cli.connection import Target, registry_options
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.model import limits


@click.command()
@click.argument("service", required=False, shell_complete=service_names)
@click.option("--id", "instance_id", shell_complete=instance_ids, help="Only changes of this instance.")
@click.option(
    "--limit",
    type=click.IntRange(1, limits.HISTORY_PAGE_MAX),
    default=limits.HISTORY_PAGE,
    show_default=True,
    help="At most so many, the latest ones.",
)
@registry_options
@output_option
def command(target: Target, service: str | None, instance_id: str | None, limit: int, output: Format) -> None:
    """Show what happened to instances, when, and why; the latest last.

    Without SERVICE to those of every service. The registry keeps it in memory: it begins when the registry did.
    """
    asked = _named(service=service, id=instance_id)
    body = target.connect().get("/history", dict, limit=limit, **asked)
    show(body, output, lambda: _table(body["changes"]))


def _named(**chosen: str | None) -> dict[str, str]:
    return {name: value for name, value in chosen.items() if value}


def _table(changes: list[dict[str, Any]]) -> Table:
    rows = [
        (clock(line["at"]), line["service"], line["instance_id"], line["before"], line["after"], line["why"])
        for line in reversed(changes)
    ]
    columns = ("when", "service", "instance", "before", "after", "why")
    return Table(columns, rows, status="after", empty="nothing has changed since the registry started")
