"""`muster guard`: does the registry trust its own eyes?"""

from __future__ import annotations

import click
import msgspec

from muster.cli.answers import GuardState, ZoneGuard
from muster.cli.connection import Target, read, registry_options
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table
from muster.client.http import Request
from muster.model import durations


@click.group(invoke_without_command=True)
@registry_options
@output_option
@click.pass_context
def command(ctx: click.Context, target: Target, output: Format) -> None:
    """Show which zones are held because the registry may be blind.

    While a zone is held, none of its instances leaves by silence alone.
    """
    if ctx.invoked_subcommand is None:
        told = target.connect().get("/guard", dict)
        show(told, output, lambda: _table(msgspec.convert(told, GuardState)))


@command.command()
@click.argument("zone", required=False)
@click.option("--all", "everything", is_flag=True, help="Every zone that is held.")
@registry_options
@output_option
def release(target: Target, zone: str | None, everything: bool, output: Format) -> None:
    """End the hold of ZONE, by an operator's word: what is silent there then expires as usual.

    Do this when the zone is really gone. The zone without a name is written ''.
    """
    if everything == (zone is not None):
        raise click.UsageError("name the zone, or say --all")
    body = {} if everything else {"zone": zone}
    told = read(target.connect().send(Request("POST", "/guard/release", body=body)), dict)
    show(told, output, lambda: _table(msgspec.convert(told, GuardState)))


def _table(state: GuardState) -> Table:
    rows = list(map(_row, state.zones))
    if state.registry.suspect:
        doubt = state.registry
        rows.append(("(whole registry)", "held", _ago(doubt.since_ms), None, None, None, doubt.reason, None))
    columns = ("zone", "state", "for", "leased", "silent", "seen", "reason", "way out")
    return Table(
        columns, rows, status="state", empty="no zone is watched: nothing with a lease is registered"
    )


def _row(zone: ZoneGuard) -> tuple[object, ...]:
    name = zone.zone or "(no zone)"
    return (
        name,
        zone.state,
        _ago(zone.since_ms),
        zone.leased,
        zone.silent,
        zone.seen,
        zone.reason,
        zone.exit,
    )


def _ago(milliseconds: float | None) -> str:
    return "" if milliseconds is None else durations.show(round(milliseconds / 1000, 1))
