"""How a command's result is shown: a table for people, JSON or YAML for programs.

A command returns nothing by itself; it hands its value and a way to draw it to `show`. Results go to stdout, everything
else (progress, advice) to stderr, so that a pipe carries results alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import click
import msgspec

from .table import Table, plain, print_rich
from .text import json_shown

Format = Literal["table", "json", "yaml"]
FORMATS = ("table", "json", "yaml")

Command = TypeVar("Command", bound=Callable[..., Any])


def output_option(command: Command) -> Command:
    """Adds `--output` as the argument `output`."""
    option = click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        envvar="MUSTER_OUTPUT",
        show_envvar=True,
        show_default=True,
        help="How to show the result.",
    )
    return option(command)


def show(value: object, output: Format, table: Callable[[], Table]) -> None:
    """`value` is anything msgspec can encode; `table` is drawn only if asked for."""
    match output:
        case "json":
            click.echo(json_text(value, indent=2))
        case "yaml":
            click.echo(yaml_text(value), nl=False)
        case "table":
            show_table(table())


def tell(value: object, output: Format, sentence: str) -> None:
    """What was done: a sentence to people, on stderr, or `value` to programs."""
    if output == "table":
        click.echo(sentence, err=True)
    else:
        show(value, output, lambda: Table((), ()))


def show_table(table: Table) -> None:
    if not sys.stdout.isatty():
        click.echo(plain(table))
    elif not table.rows:
        click.echo(table.empty)
    else:
        print_rich(table)


def json_text(value: object, *, indent: int = 0) -> str:
    """`indent` 0 is one line."""
    encoded = msgspec.json.encode(value)
    return json_shown((msgspec.json.format(encoded, indent=indent) if indent else encoded).decode())


def yaml_text(value: object) -> str:
    import yaml

    builtins = msgspec.to_builtins(value)
    readable = yaml.safe_dump(builtins, sort_keys=False, allow_unicode=True)
    if all(map(str.isprintable, readable.split("\n"))):
        return readable
    return yaml.safe_dump(builtins, sort_keys=False, allow_unicode=False)
