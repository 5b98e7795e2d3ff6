"""`muster drain`: out of use, and everybody knows."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from muster.cli.answers import Drained
from muster.cli.completing import instance_ids
from muster.cli.connection import Target, owner_option, read, registry_options
from muster.cli.durations import time_option
from muster.cli.exits import Exit
from muster.cli.output import Format, output_option, show
from muster.cli.progress import waiting
from muster.cli.table import Table
from muster.client.http import Request, part
from muster.model import limits


@click.command()
@click.argument("instance_id", shell_complete=instance_ids)
@time_option("--wait", limits.DRAIN_WAIT_S, "How long to wait for the readers.")
@owner_option
@registry_options
@output_option
def command(
    target: Target, instance_id: str, wait: float, owner_secret_file: Path | None, output: Format
) -> int:
    """Take an instance out of use, and wait until every reader knows.

    It is hidden from callers at once and for good. Exit code 0: everybody who reads acknowledged, no new request will
    come; 8: the wait ended before.
    """
    request = Request(
        "POST",
        f"/instances/{part(instance_id)}/drain",
        {"wait": f"{wait:g}s"},
        timeout=wait + limits.CLIENT_REQUEST_S,
    )
    with waiting("waiting until every reader knows"):
        told = read(target.connect(owner_secret_file).send(request), dict)
    drained = msgspec.convert(told, Drained)
    show(told, output, lambda: _table(instance_id, drained))
    return Exit.OK if drained.safe else Exit.UNSAFE


def _table(instance_id: str, drained: Drained) -> Table:
    later = ", ".join(_silent(reader, lag) for reader, lag in drained.cannot_acknowledge.items() if lag)
    waited = f"{drained.waited_ms:.0f} ms"
    row = (instance_id, drained.safe, waited, drained.unacknowledged_count, later)
    return Table(("instance", "safe", "waited", "not acknowledged", "never acknowledge"), [row])


def _silent(reader: str, lag: object) -> str:
    """A way of reading that never acknowledges, in words where we know it."""
    match reader:
        case "plain_streams":
            return f"{lag} streams that only listen" if lag != 1 else "1 stream that only listens"
        case "plain_reads_s":
            return f"answers up to {lag} s old"
    return f"{reader} {lag}"
