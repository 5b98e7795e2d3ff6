"""`muster restore`: a registry's database, made from a backup."""

from __future__ import annotations

from pathlib import Path

import click

from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.cli.output import Format, output_option, tell
from muster.cli.settings import configuration


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="DIR",
    help="The registry's data directory, as for `muster serve`. [env var: MUSTER_DATA]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="MUSTER_CONFIG",
    show_envvar=True,
    help="TOML file of settings.",
)
@output_option
def command(file: Path, data: str | None, config: Path | None, output: Format) -> None:
    """Make a registry's database from a backup.

    The registry must be stopped. The database that is there is kept beside the new one, which has an epoch of its own: every
    reader starts afresh, and callers keep what the backup does not know until the registry has been up for a while.
    """
    from muster.storage.sqlite import StoreRefused, restore

    directory = configuration(config, {"data": data}).settings.data
    try:
        restored = restore(file, directory)
    except StoreRefused as refused:
        raise Failure(f"{refused.path} {refused.reason}", refused.remedy, code=Exit.FILE) from None
    told = {
        "file": str(restored.path),
        "epoch": restored.epoch,
        "revision": restored.revision,
        "aside": str(restored.aside) if restored.aside else None,
    }
    aside = f"; the database that was there is now {restored.aside}" if restored.aside else ""
    tell(told, output, f"{restored.path}: epoch {restored.epoch}, revision {restored.revision}{aside}")
