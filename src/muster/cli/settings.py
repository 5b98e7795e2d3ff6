"""A registry's settings on the command line: one flag per option of the server, made from the server's own list.

flag  >  environment  >  file (--config, MUSTER_CONFIG)  >  default
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import click

from muster.model import durations

from .exits import Exit
from .failures import Failure, unusable_file

try:
    from muster.server.config import BadConfig, Configuration, resolve
    from muster.server.options import OPTIONS, Option, plain
    from muster.server.settings import Address, Seconds
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


METAVARS: Final[dict[object, str]] = {
    Address: "HOST:PORT",
    Address | None: "HOST:PORT",
    str: "NAME",
    Seconds: "TIME",
    Path: "PATH",
    Path | None: "PATH",
    tuple[str, ...]: "NAME,...",
    float: "NUMBER",
}


def _flag(option: Option) -> Callable[[Command], Command]:
    """Values stay text: the server reads and refuses them, in the same words wherever they come from."""
    kind = plain(option)
    about = f"{option.about[0].upper()}{option.about[1:]}.{_default(option)}"
    if kind is bool:
        return click.option(option.flag, _parameter(option), is_flag=True, default=None, help=about)
    metavar = "|".join(get_args(kind)) if get_origin(kind) is Literal else METAVARS.get(kind)
    return click.option(option.flag, _parameter(option), metavar=metavar, help=about)


def _parameter(option: Option) -> str:
    return option.key.replace(".", "_")


def _default(option: Option) -> str:
    text = written(option.default)
    return f"  [default: {text}]" if text not in ("", "false") else ""


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


def written(value: object) -> str:
    """A setting's value as it would be written on the command line; empty for none."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Seconds():
            return durations.show(value)
        case Address():
            return str(value)
        case tuple():
            return ",".join(map(str, value))
    return str(value)
