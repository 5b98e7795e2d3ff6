"""`muster status`: how a registry is doing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from muster.cli.connection import Target, registry_options
from muster.cli.exits import Exit
from muster.cli.output import Format, output_option, show
from muster.cli.table import Table


@click.command()
@registry_options
@output_option
def command(target: Target, output: Format) -> int:
    """Show how a registry is doing. Exit code 7 while it is not ready (starting, stopping)."""
    body = target.connect().get("/status", dict)
    show(body, output, lambda: Table(("what", "value"), tuple(_flat(body))))
    return Exit.OK if body.get("ready", True) else Exit.UNAVAILABLE


def _flat(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    """`{"loop_lag_ms": {"p50": 1}}` -> `loop_lag_ms.p50  1`."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
