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
    body = target.connect().get("/explain", dict, id=instance_id, **asked)
    show(body, output, lambda: _table(body))


def _table(body: dict[str, Any]) -> Table:
    verdict = "gets requests" if body["discoverable"] else "gets no requests"
    because = [("because", reason) for reason in body["because"]]
    rows = [
        ("instance", f"{body['instance_id']} of {body['service']}"),
        ("status", body["status"]),
        ("verdict", verdict),
        *because,
        ("last change", f"{clock(body['changed_at'])}, revision {body['revision']}"),
    ]
    return Table(("what", "value"), rows)
