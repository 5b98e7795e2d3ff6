"""`muster copy`: all records of one store into another, so that a registry grows up without losing anything."""

from __future__ import annotations

from pathlib import Path

import click

from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.cli.output import Format, output_option, tell
from muster.cli.settings import configuration

HELP = "`muster help copy` says what can be copied"
DOUBT = "do it again when etcd answers; if it says that there are records, they are these, or others with --replace"


@click.command()
@click.option("--from", "source", metavar="STORE", required=True, help="sqlite:PATH or etcd://HOST/PREFIX.")
@click.option("--to", "target", metavar="STORE", required=True, help="sqlite:PATH or etcd://HOST/PREFIX.")
@click.option("--replace", is_flag=True, help="Put them in the place of what is there.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="MUSTER_CONFIG",
    show_envvar=True,
    help="TOML file of settings, for etcd's certificates and password.",
)
@output_option
def command(source: str, target: str, replace: bool, config: Path | None, output: Format) -> None:
    """Copy all records from one store to another.

    PATH is a backup, or a data directory on which no registry runs. An etcd may be in use: its replicas go over to the
    new records at once. Instances keep their ids and generations, so their heartbeats go on; readers start afresh.
    """
    from muster.server.moving import CannotMove, move

    try:
        moved = move(configuration(config, {}).settings, source, target, replace=replace)
    except CannotMove as error:
        raise Failure(str(error), DOUBT if error.in_doubt else HELP, code=Exit.FILE) from None
    tell(
        moved, output, f"{moved.to}: {moved.records} records, epoch {moved.epoch}, revision {moved.revision}"
    )
