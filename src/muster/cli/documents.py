"""Documents that people write: a policy in a file or on stdin, as YAML or JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from muster.model import limits
from muster.model.errors import Rejected
from muster.model.policy import Policy
from muster.wire import policy as wire

from .failures import unusable_file

Command = TypeVar("Command", bound=Callable[..., Any])
STDIN: Final = "-"


def document_argument(command: Command) -> Command:
    """Adds FILE as the argument `document`: a path, or `-`."""
    return click.argument("document", metavar="FILE", type=click.Path(allow_dash=True))(command)


def policy_in(document: str) -> Policy:
    """Raises `Failure` naming the file, and the field where there is one."""
    import yaml

    text = _text(document)
    try:
        parsed = yaml.safe_load(text)
        if parsed is None:
            raise unusable_file(_name(document), "there is nothing in it; {} is the policy of defaults alone")
        return wire.parse(parsed)
    except (yaml.YAMLError, RecursionError) as error:
        raise unusable_file(_name(document), f"neither YAML nor JSON: {error}") from None
    except Rejected as rejected:
        raise unusable_file(_name(document), str(rejected)) from None


def _text(document: str) -> str:
    try:
        with click.open_file(document) if document == STDIN else Path(document).open() as opened:
            text = opened.read(limits.POLICY_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise unusable_file(_name(document), str(getattr(error, "strerror", None) or error)) from None
    if len(text) > limits.POLICY_BYTES:
        raise unusable_file(_name(document), f"a policy holds at most {limits.POLICY_BYTES} bytes")
    return text


def _name(document: str) -> str:
    return "standard input" if document == STDIN else document
