"""What differs between two policies: field by field for programs, line by line for people; and how a comparison ends.

diff(1) has the say: 0 for no difference, 1 for some, anything else for trouble. So trouble must not end with 1, whatever it is.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any

import click
from msgspec import Struct

from muster.model.errors import Rejected
from muster.model.policy import Policy
from muster.wire import policy as wire

from .exits import Exit
from .failures import Failure
from .output import yaml_text

_TOLD_ELSEWHERE = (click.ClickException, click.Abort, Rejected, BrokenPipeError)
"""`entry.invoke` has a code for each, and none is 1."""


class Change(Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """`field` by its path (`outlier_detection.interval`); None: it is not there on this side. A list is one value."""

    field: str
    before: Any
    after: Any


def changes(before: Policy, after: Policy) -> list[Change]:
    """Of every field, those with their default too: in the order of the document."""
    old, new = dict(_leaves(_whole(before))), dict(_leaves(_whole(after)))
    return [
        Change(path, old.get(path), new.get(path))
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    ]


def lines(before: Policy, after: Policy, names: tuple[str, str]) -> list[str]:
    """A unified diff of all fields, so that a default that comes or goes is seen too. Empty: there is no difference."""
    old, new = (yaml_text(_whole(policy)).splitlines() for policy in (before, after))
    return list(unified_diff(old, new, *names, lineterm=""))


@contextlib.contextmanager
def never_by_trouble() -> Iterator[None]:
    """What goes wrong in here does not end with 1."""
    try:
        yield
    except Failure as failure:
        if failure.code != Exit.FAILED:
            raise
        raise Failure(failure.message, failure.advice, code=Exit.UNAVAILABLE) from failure
    except _TOLD_ELSEWHERE:
        raise
    except Exception as bug:
        traceback.print_exc()
        raise Failure("a bug in Muster: its trace is above", code=Exit.USAGE) from bug


def _whole(policy: Policy) -> dict[str, Any]:
    return wire.document(policy, full=True)


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", inner
