"""Completion of what only the registry knows. Quick or silent: a shell waits while this runs."""

from __future__ import annotations

from typing import TypeVar

import click
import msgspec

from muster.client.errors import RegistryError
from muster.client.http import Request, Requests, part
from muster.wire.answers import Services
from muster.wire.view import InstanceList

from .failures import Failure

LONGEST_S = 1.0

T = TypeVar("T")


def service_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _services(ctx) if name.startswith(incomplete)]


def instance_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    found: list[str] = []
    for name in _services(ctx):
        answer = _ask(ctx, f"/services/{part(name)}/instances", InstanceList, {"all": "1"})
        found += [view.instance_id for view in answer.instances] if answer else []
    return [id for id in found if id.startswith(incomplete)]


def _services(ctx: click.Context) -> list[str]:
    answer = _ask(ctx, "/services", Services, {})
    return [each.service for each in answer.services] if answer else []


def _ask(ctx: click.Context, path: str, kind: type[T], query: dict[str, str]) -> T | None:
    """The answer; None whatever goes wrong, since there is nobody to tell it to."""
    try:
        requests = Requests(ctx.params["target"].access(), timeout=LONGEST_S)
        return msgspec.json.decode(requests.send(Request("GET", path, query)).body, type=kind)
    except (RegistryError, msgspec.DecodeError, Failure, click.ClickException, OSError):
        return None
