"""`muster backup`: a copy of a live registry's records, as one file."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import Struct

from muster.cli.connection import Target, registry_options
from muster.cli.download import begin
from muster.cli.failures import unusable_file
from muster.cli.output import Format, output_option, tell
from muster.cli.progress import bytes_moving
from muster.client.http import Access
from muster.storage.sqlite import StoreRefused
from muster.storage.sqlite.draft import draft
from muster.storage.sqlite.restore import check_backup


class Saved(Struct, frozen=True):
    file: str
    bytes: int
    epoch: str
    revision: int


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
@registry_options
@output_option
def command(target: Target, file: Path, overwrite: bool, output: Format) -> None:
    """Save a live registry's records to a file.

    The registry goes on working meanwhile. FILE appears when it is complete and checked, or not at all; `muster restore`
    makes a database from it.
    """
    access = target.access()
    try:
        saved = _save(access, file, overwrite=overwrite)
    except FileExistsError:
        raise unusable_file(file, "exists", "choose another name, or say --overwrite") from None
    except OSError as error:
        raise unusable_file(file, error.strerror or str(error)) from None
    except StoreRefused as refused:
        raise unusable_file(file, f"what the registry sent {refused.reason}", refused.remedy) from None
    size = f"{saved.bytes / 1024:,.0f} KiB"
    tell(saved, output, f"{saved.file}: {size}, revision {saved.revision} of epoch {saved.epoch}")


def _save(access: Access, file: Path, *, overwrite: bool) -> Saved:
    """Raises `Failure`, `OSError`, `StoreRefused`."""
    with draft(file, overwrite=overwrite) as path:
        download = begin(access, "/backup")
        with path.open("wb") as into, bytes_moving(download.total) as moved:
            for piece in download.pieces():
                into.write(piece)
                moved(len(piece))
        head = check_backup(path)
        size = path.stat().st_size
    return Saved(str(file), size, head.epoch, head.revision)
