"""`muster deregister`: an instance is gone, by somebody's word."""

from __future__ import annotations

from pathlib import Path

import click

from muster.cli.completing import instance_ids
from muster.cli.connection import Target, owner_option, registry_options
from muster.cli.output import Format, output_option, tell
from muster.cli.text import shown
from muster.client.http import Request, part


@click.command()
@click.argument("instance_id", shell_complete=instance_ids)
@owner_option
@registry_options
@output_option
def command(target: Target, instance_id: str, owner_secret_file: Path | None, output: Format) -> None:
    """Remove an instance from the registry.

    One that is alive and sends heartbeats will register itself again: to take such an instance out, use `muster override`
    or `muster drain`.
    """
    connection = target.connect(owner_secret_file)
    connection.send(Request("DELETE", f"/instances/{part(instance_id)}"))
    tell({"instance_id": instance_id, "status": "removed"}, output, f"{shown(instance_id)} is deregistered")
