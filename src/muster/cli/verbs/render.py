"""`muster render`: a file that follows the registry."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from muster.cli.completing import service_names
from muster.cli.connection import Target, registry_options
from muster.cli.durations import time_option
from muster.cli.exits import Exit
from muster.cli.failures import Failure, unusable_file
from muster.cli.rendering.command import Failed, split
from muster.cli.rendering.keeping import Keeper, Plan
from muster.cli.rendering.template import Broken
from muster.cli.text import shown
from muster.client.discovery import Discovery
from muster.client.errors import NotReady
from muster.model import limits

STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
TAKEN: Final = STOPPING | {signal.SIGHUP}


@click.command()
@click.argument("template", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--exec", "exec_", metavar="CMD", help="Run this after the file has changed. No shell reads it."
)
@click.option(
    "--service",
    "services",
    multiple=True,
    shell_complete=service_names,
    help="A service for the template's `services`. Repeatable.",
)
@time_option(
    "--debounce", limits.RENDER_GATHER_S, "Gather changes for so long before the file is written again."
)
@click.option("--once", is_flag=True, help="Write the file once, run the command, and end.")
@time_option("--wait", limits.RENDER_WAIT_S, "With --once: how long to wait for what is not known yet.")
@registry_options
def command(
    target: Target,
    template: Path,
    out: Path,
    exec_: str | None,
    services: tuple[str, ...],
    debounce: float,
    once: bool,
    wait: float,
) -> None:
    """Keep a file as a template and the registry say, for programs that read files.

    \b
    muster render upstreams.conf.j2 /etc/nginx/conf.d/upstreams.conf --exec "nginx -s reload"

    The template is Jinja2: `service("web").instances` are those to use now. Values are quoted by a filter for each format
    (`| nginx`, `| haproxy`, `| json`, `| sh` ...); what is not quoted loses every character that could mean something. The
    file is replaced whole, and only when it changes. While the registry is away, or a template broken, it stays as it is.
    SIGHUP reads the template again.
    """
    plan = Plan(template, out, services, _words(exec_), debounce)
    if not once:
        signal.pthread_sigmask(signal.SIG_BLOCK, TAKEN)  # before the first thread exists: they inherit it
    with _discovery(target) as discovery:
        keeper = Keeper(plan, discovery, _say)
        if once:
            _once(keeper, plan, wait)
        else:
            threading.Thread(target=_listen, args=(keeper,), name="muster-signals", daemon=True).start()
            keeper.keep()


def _words(text: str | None) -> tuple[str, ...]:
    try:
        return () if text is None else split(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--exec") from None


def _discovery(target: Target) -> Discovery:
    access = target.access()
    return Discovery(
        [registry.url for registry in target.registries],
        namespace=target.namespace,
        token=target.token,
        tls=access.tls,
        dotted_names=True,
    )


def _once(keeper: Keeper, plan: Plan, wait: float) -> None:
    try:
        keeper.once(wait)
    except NotReady as error:
        raise Failure(str(error), code=Exit.UNREACHABLE) from None
    except Broken as broken:
        raise Failure(shown(str(broken)), f"{plan.out} stays as it is", code=Exit.FILE) from None
    except Failed as failed:
        raise Failure(
            f"{' '.join(plan.command)}: {failed}", f"{plan.out} is written", code=Exit.REFUSED
        ) from None
    except OSError as error:
        raise unusable_file(plan.out, error.strerror or str(error)) from None


def _listen(keeper: Keeper) -> None:
    while signal.sigwait(TAKEN) not in STOPPING:
        keeper.look_again()
    keeper.stop()


def _say(line: str) -> None:
    """If anybody reads it: the file is kept all the same."""
    with suppress(OSError):
        click.echo(f"muster: {shown(line)}", err=True)
