"""`muster explain`: why callers do or do not get an instance."""

from __future__ import annotations

from typing import Any

import click

from muster.cli.clock import clock
from muster.cli.completing import instance_ids
from muster.cli.connection import Target, registry_options
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table


@click.command()
@click.argument("instance_id", shell_complete=instance_ids)
@click.option("--zone", help="As a caller in this zone sees it.")
@registry_options
@output_option
def command(target: Target, instance_id: str, zone: str | None, output: Format) -> None:
    """Show why callers do or do not get an instance.

    The decisive reason comes first.
    """
    asked = {"zone": zone} if zone else {}
    told = target.connect().get("/explain", dict, id=instance_id, **asked)
    show(told, output, lambda: _table(told))


def _table(told: dict[str, Any]) -> Table:
    verdict = "gets requests" if told["discoverable"] else "gets no requests"
    because = [("because", reason) for reason in told["because"]]
    rows = [
        ("instance", f"{told['instance_id']} of {told['service']}"),
        ("status", told["status"]),
        ("verdict", verdict),
        *because,
        ("last change", f"{clock(told['changed_at'])}, revision {told['revision']}"),
    ]
    return Table(("what", "value"), rows)
