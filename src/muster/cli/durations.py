"""Durations as options: `500ms`, `30s`, `5m`, or bare seconds. Seconds inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from muster.model import durations
from muster.model.errors import Rejected

Command = TypeVar("Command", bound=Callable[..., Any])


def time_option(name: str, default: float, about: str) -> Callable[[Command], Command]:
    """An option whose argument is a float of seconds."""
    return click.option(
        name,
        metavar="TIME",
        default=durations.show(default),
        show_default=True,
        help=about,
        callback=_seconds,
    )


def _seconds(ctx: click.Context, param: click.Parameter, value: str) -> float:
    try:
        return durations.seconds(value, "time")
    except Rejected as rejected:
        raise click.BadParameter(rejected.detail, ctx, param) from None
