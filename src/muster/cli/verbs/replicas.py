"""`muster replicas`: every live replica, and how it stands."""

from __future__ import annotations

from typing import Any

import click

from muster.cli.connection import Target, registry_options
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table

HEAD = ("name", "url", "revision", "behind", "age", "owned", "resting", "held", "problem")


@click.command()
@registry_options
@output_option
def command(target: Target, output: Format) -> None:
    """Show the live replicas of a registry, and how each stands."""
    body = target.connect().get("/replicas", dict)
    show(body, output, lambda: Table(HEAD, tuple(_rows(body["replicas"]))))


def _rows(replicas: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    head = max((each["standing"]["revision"] for each in replicas if each["standing"]), default=0)
    return [_row(each, head) for each in replicas]


def _row(replica: dict[str, Any], head: int) -> tuple[object, ...]:
    standing, resting = replica["standing"], "yes" if replica.get("resting") else ""
    if standing is None:
        return (replica["name"], replica["url"], "", "", "", "", resting, "", replica["problem"])
    return (
        replica["name"],
        replica["url"],
        standing["revision"],
        head - standing["revision"],
        f"{standing['age']:.1f}s",
        standing["owned"],
        resting,
        standing["held"],
        replica["problem"],
    )
