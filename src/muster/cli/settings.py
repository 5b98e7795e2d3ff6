"""A registry's settings on the command line: one flag per option of the server, made from the server's own list.

flag  >  environment  >  file (--config, MUSTER_CONFIG)  >  default
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from .exits import Exit
from .failures import Failure, unusable_file

try:
    from muster.server.config import BadConfig, Configuration, Value, resolve
    from muster.server.options import OPTIONS, Option, plain
except ModuleNotFoundError as error:
    raise Failure(
        f"running a registry needs {error.name}", "install it: pip install 'musterd[server]'", code=Exit.USAGE
    ) from None

Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG_FILE_BYTES = 1 << 20
"""A configuration is a page; a megabyte is a mistake."""


def settings_options(command: Command) -> Command:
    """Adds --config and a flag for each option; their values arrive by parameter name, see `_parameter`."""
    for option in reversed(OPTIONS):
        command = _flag(option)(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        envvar="MUSTER_CONFIG",
        show_envvar=True,
        help="TOML file of settings.",
    )(command)


def _flag(option: Option) -> Callable[[Command], Command]:
    """Values stay text: the server reads and refuses them, in the same words wherever they come from."""
    kind = plain(option)
    about = f"{option.about}.{_default(option)}"
    if kind is bool:
        return click.option(option.flag, _parameter(option), is_flag=True, default=None, help=about)
    metavar = (
        "|".join(get_args(kind)) if get_origin(kind) is Literal else option.key.rpartition(".")[2].upper()
    )
    return click.option(option.flag, _parameter(option), metavar=metavar, help=about)


def _parameter(option: Option) -> str:
    return option.key.replace(".", "_")


def _default(option: Option) -> str:
    if option.default in (None, (), False):
        return ""
    return f"  [default: {option.default}]"


def configuration(file: Path | None, flags: Mapping[str, object]) -> Configuration:
    """What is in force. Raises `Failure`."""
    given = {option.key: flags.get(_parameter(option)) for option in OPTIONS}
    try:
        return resolve(given, os.environ, _text(file), str(file))
    except BadConfig as bad:
        raise Failure(str(bad), "`muster help serve` lists every setting", code=Exit.USAGE) from None


def _text(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            return opened.read(CONFIG_FILE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise unusable_file(file, reason or str(error)) from None


def shown_value(value: Value) -> str:
    """A setting as it would be written on the command line."""
    match value.value:
        case None:
            return ""
        case bool(flag):
            return "true" if flag else "false"
        case tuple(words) if not hasattr(words, "_fields"):
            return ",".join(words)
        case other:
            return str(other)
