"""`muster services`: the names callers can ask for."""

from __future__ import annotations

import click
import msgspec

from muster.cli.connection import Target, registry_options
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.wire.answers import Services, ServiceSummary


@click.command()
@registry_options
@output_option
def command(target: Target, output: Format) -> None:
    """List services, with how many of their instances take requests."""
    body = target.connect().get("/services", dict)
    show(body, output, lambda: _table(msgspec.convert(body, Services)))


def _table(listed: Services) -> Table:
    rows = [
        (each.service, each.instances, each.discoverable, _others(each))
        for each in sorted(listed.services, key=lambda each: each.service)
    ]
    return Table(
        ("service", "instances", "discoverable", "statuses"), rows, empty="no service is registered here"
    )


def _others(summary: ServiceSummary) -> str:
    return ", ".join(f"{number} {status}" for status, number in summary.statuses.items() if number)
