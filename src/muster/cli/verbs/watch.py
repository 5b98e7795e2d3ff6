"""`muster watch`: what happens, as it happens."""

from __future__ import annotations

import os
import select
import sys
from datetime import UTC, datetime

import click
import msgspec

from muster.cli.completing import service_names
from muster.cli.connection import Target, registry_options
from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.cli.output import Format, json_text, output_option, yaml_text
from muster.cli.picture import Line, Picture
from muster.cli.spectator import Spectator
from muster.cli.text import shown
from muster.model import limits
from muster.wire.answers import Services
from muster.wire.events import NAMES, AliveEvent, Event

COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "magenta", ".": "bright_black"}


@click.command()
@click.argument("services", nargs=-1, shell_complete=service_names)
@registry_options
@output_option
def command(target: Target, services: tuple[str, ...], output: Format) -> None:
    """Follow every change of services, live.

    Ends with ^C. Without SERVICES, all those there are now. Goes on by itself when the registry goes away and comes back. With
    `--output json` every event is one line, as the registry sent it, with its time and name.
    """
    wanted = services or _all(target)
    picture = Picture()
    for event in Spectator(target.access(), wanted, _troubled).events():
        _expect_a_reader()
        if output == "table":
            for line in picture.note(event):
                _print(line)
        elif not isinstance(event, AliveEvent):
            _print_event(event, output)


def _expect_a_reader() -> None:
    """`head` has seen enough, but a write would tell us so only at the next change. Raises `BrokenPipeError`."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are told unasked
    if any(happened & select.POLLERR for _, happened in poll.poll(0)):
        raise BrokenPipeError


def _all(target: Target) -> tuple[str, ...]:
    listed = target.connect().get("/services", Services).services
    if not listed:
        raise Failure("no service is registered here", "name the one to wait for", code=Exit.UNKNOWN)
    names = sorted(each.service for each in listed)
    if len(names) > limits.WATCH_SERVICES:
        raise click.UsageError(f"name at most {limits.WATCH_SERVICES} services; there are {len(names)}")
    return tuple(names)


def _print(line: Line) -> None:
    stamp = datetime.now(UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
    mark = click.style(line.kind, fg=COLOURS[line.kind])
    text = "  ".join(part for part in (stamp, line.service, f"{mark} {line.text}") if part)
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)


def _print_event(event: Event, output: Format) -> None:
    body = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": NAMES[type(event)],
        **msgspec.to_builtins(event),
    }
    click.echo(json_text(body) if output == "json" else "---\n" + yaml_text(body).rstrip("\n"))


def _troubled(why: str) -> None:
    click.echo(f"muster: {shown(why)}; connecting again", err=True)
