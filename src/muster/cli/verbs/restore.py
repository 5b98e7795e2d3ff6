"""`muster restore`: a registry's records, put back to a backup: its database, or what is below its prefix of etcd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from msgspec import to_builtins

from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.cli.output import Format, output_option, tell
from muster.cli.settings import configuration
from muster.server.settings import Settings

DOUBT = "do it again when etcd answers: a backup may be put back twice"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="DIR",
    help="The registry's data directory, as for `muster serve`. [env var: MUSTER_DATA]",
)
@click.option(
    "--store",
    metavar="STORE",
    help="etcd://HOST,HOST/PREFIX, as for `muster serve`: put the records there. [env var: MUSTER_STORE]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="MUSTER_CONFIG",
    show_envvar=True,
    help="TOML file of settings.",
)
@output_option
def command(file: Path, data: str | None, store: str | None, config: Path | None, output: Format) -> None:
    """Put a registry's records back to a backup.

    A registry with a database of its own must be stopped; the database that is there is kept beside the new one. On etcd the
    replicas go on, and over to the new records at once; those that were there are saved beside FILE. Either way there is a new
    epoch: every reader starts afresh, and callers keep what the backup does not know until the registry has been up for a while.
    """
    settings = configuration(config, {"data": data, "store": store}).settings
    if settings.store == "memory":
        raise Failure(
            "a store in memory keeps nothing", "name the one to put it back to: --data DIR, or --store STORE"
        )
    body = _to_etcd(settings, file) if settings.shares_store else _to_directory(file, settings.data)
    aside = f"; what was there is now {body['aside']}" if body["aside"] else ""
    where = body.get("file") or body["to"]
    tell(body, output, f"{where}: epoch {body['epoch']}, revision {body['revision']}{aside}")


def _to_directory(file: Path, directory: Path) -> dict[str, Any]:
    from muster.storage.sqlite import StoreRefused, restore

    try:
        restored = restore(file, directory)
    except StoreRefused as refused:
        raise Failure(f"{refused.path} {refused.reason}", refused.remedy, code=Exit.FILE) from None
    return {
        "file": str(restored.path),
        "epoch": restored.epoch,
        "revision": restored.revision,
        "aside": str(restored.aside) if restored.aside else None,
    }


def _to_etcd(settings: Settings, file: Path) -> dict[str, Any]:
    from muster.server.moving import CannotMove, restore

    try:
        restored = restore(settings, file)
    except CannotMove as error:
        raise Failure(
            str(error), DOUBT if error.in_doubt else "nothing was changed in etcd", code=Exit.FILE
        ) from None
    return to_builtins(restored)  # type: ignore[no-any-return]
