"""`muster config`: what a registry started here would run with, and why."""

from __future__ import annotations

from pathlib import Path

import click

from muster.cli.output import Format, output_option, show
from muster.cli.settings import configuration, settings_options, written
from muster.cli.table import Table


@click.command()
@settings_options
@output_option
def command(config: Path | None, output: Format, **flags: object) -> None:
    """Show every setting of a registry, and where its value comes from.

    Takes the same flags, environment and file as `muster serve`, and refuses the same mistakes; starts nothing.
    """
    values = configuration(config, flags).values
    rows = [(value.option.key, written(value.value), value.source) for value in values]
    body = [{"key": key, "value": value, "source": source} for key, value, source in rows]
    show(body, output, lambda: Table(("setting", "value", "from"), rows))
