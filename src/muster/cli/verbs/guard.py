"""`muster guard`: does the registry trust its own eyes?"""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec

from muster.cli.connection import Target, read, registry_options
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.client.http import Request
from muster.wire.answers import GuardReport, RegistryGuard, ZoneGuard


@click.group(invoke_without_command=True)
@registry_options
@output_option
@click.pass_context
def command(ctx: click.Context, target: Target, output: Format) -> None:
    """Show which zones are held because the registry may be blind.

    While a zone is held, none of its instances leaves by silence alone.
    """
    if ctx.invoked_subcommand is None:
        guard = target.connect().get("/guard", dict)
        show(guard, output, lambda: table_of(msgspec.convert(guard, GuardReport)))


@command.command()
@click.argument("zone", required=False)
@click.option("--all", "everything", is_flag=True, help="Every hold, the registry's own too.")
@registry_options
@output_option
def release(target: Target, zone: str | None, everything: bool, output: Format) -> None:
    """End the hold of ZONE, by an operator's word: what is silent there then expires as usual.

    Do this when the zone is really gone. The zone without a name is written ''.
    """
    if everything == (zone is not None):
        raise click.UsageError("name the zone, or say --all")
    connection = target.connect()
    guard: dict[str, object] = {}
    for body in _held(connection.get("/guard", GuardReport)) if everything else [{"zone": zone}]:
        guard = read(connection.send(Request("POST", "/guard/release", body=body)), dict)
    show(guard, output, lambda: table_of(msgspec.convert(guard, GuardReport)))


def _held(state: GuardReport) -> list[dict[str, str | None]]:
    """What to ask for to end every hold. Where there is none the registry says so: we ask for its own."""
    zones: list[dict[str, str | None]] = [{"zone": zone.zone} for zone in state.zones if zone.state == "held"]
    return zones if zones and not state.registry.suspect else [{}, *zones]


def table_of(state: GuardReport) -> Table:
    rows = list(map(_row, state.zones))
    if state.registry.suspect:
        rows.append(_own_row(state.registry))
    columns = ("zone", "state", "since", "leased", "silent", "seen", "reason", "way out")
    return Table(
        columns, rows, status="state", empty="no zone is watched: nothing with a lease is registered"
    )


def _row(zone: ZoneGuard) -> tuple[object, ...]:
    counts = (zone.leased, zone.silent, zone.seen)
    return (zone.zone or "(no zone)", zone.state, _since(zone.since_ms), *counts, zone.reason, zone.exit)


def _own_row(doubt: RegistryGuard) -> tuple[object, ...]:
    counts = (None, None, None)
    return ("(whole registry)", "held", _since(doubt.since_ms), *counts, doubt.reason, doubt.exit)


def _since(wall_ms: int) -> str:
    """In this machine's time zone."""
    return f"{datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}" if wall_ms else ""
