"""`muster serve`: run a registry in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from muster.cli.settings import configuration, settings_options


@click.command()
@settings_options
def command(config: Path | None, **flags: object) -> int:
    """Run a registry.

    The two settings that matter are --listen and --data. Everything can also be set in the environment or in a TOML file;
    `muster config` shows what is in force and where it comes from. SIGTERM or ^C stops it in good order.
    """
    resolved = configuration(config, flags)
    from muster.server.app import serve

    return serve(resolved.settings)
