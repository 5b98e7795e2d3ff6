"""`muster drain`: out of use, and everybody knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from muster.cli.completing import instance_ids
from muster.cli.connection import Target, owner_option, read, registry_options
from muster.cli.durations import time_option
from muster.cli.exits import Exit
from muster.cli.output import Format, output_option, show
from muster.cli.progress import waiting
from muster.cli.table import Table
from muster.client.http import Request, part
from muster.model import limits
from muster.wire.answers import CannotAcknowledge, DrainAnswer


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
        body = read(target.connect(owner_secret_file).send(request), dict)
    drained = msgspec.convert(body, DrainAnswer)
    show(body, output, lambda: _table(instance_id, drained))
    return Exit.OK if drained.safe else Exit.UNSAFE


def _table(instance_id: str, drained: DrainAnswer) -> Table:
    waited, later = f"{drained.waited_ms} ms", ", ".join(_silent(drained.cannot_acknowledge))
    row = (instance_id, drained.safe, waited, drained.unacknowledged_count, later)
    return Table(("instance", "safe", "waited", "not acknowledged", "never acknowledge"), [row])


def _silent(readers: CannotAcknowledge) -> Iterator[str]:
    if streams := readers.plain_streams:
        yield f"{streams} streams that only listen" if streams != 1 else "1 stream that only listens"
    if readers.plain_reads_s:
        yield f"answers up to {readers.plain_reads_s} s old"
    if readers.dns_ttl_s:
        yield f"names resolved up to {readers.dns_ttl_s:g} s ago"
