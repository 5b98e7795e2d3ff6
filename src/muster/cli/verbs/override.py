"""`muster override`: an operator's word over everything that is known of an instance."""

from __future__ import annotations

from pathlib import Path

import click

from muster.cli.completing import instance_ids
from muster.cli.connection import Target, owner_option, read, registry_options
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.client.http import Request, part

WORDS = {"out_of_service": "out_of_service", "none": ""}


@click.command()
@click.argument("instance_id", shell_complete=instance_ids)
@click.argument("word", type=click.Choice(tuple(WORDS)))
@owner_option
@registry_options
@output_option
def command(
    target: Target, instance_id: str, word: str, owner_secret_file: Path | None, output: Format
) -> None:
    """Take an instance out of service, or put it back, by an operator's word.

    `out_of_service` hides it from callers until `none` is said; it survives restarts of the instance.
    """
    request = Request("PATCH", f"/instances/{part(instance_id)}", body={"override": WORDS[word]})
    detail = read(target.connect(owner_secret_file).send(request), dict)
    row = (instance_id, detail.get("status"), detail.get("reason"))
    show(detail, output, lambda: Table(("instance", "status", "reason"), [row], status="status"))
