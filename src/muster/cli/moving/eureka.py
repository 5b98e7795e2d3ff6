"""A Eureka server as a source: `/apps`. An instance is copied while it is UP; its id is the one it gets when it registers here itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult

import msgspec
from msgspec import Struct

from muster.eureka import shape
from muster.eureka.translation import instance_of
from muster.model.errors import Rejected
from muster.model.instance import Instance

from .foreign import Away, Foreign
from .identity import epoch_of
from .source import ORIGIN, UNREADABLE, Listing, reason


class _App(Struct, frozen=True):
    name: str
    instance: list[dict[str, Any]] | dict[str, Any]


class _Apps(Struct, frozen=True):
    """A list of one is sometimes the one: XStream's JSON, of old servers."""

    application: list[_App] | _App = []


class _Document(Struct, frozen=True):
    applications: _Apps


_document = msgspec.json.Decoder(_Document)


class EurekaSource:
    def __init__(self, url: SplitResult, origin: str) -> None:
        self.origin = origin
        self._server = Foreign(url)
        self._native = Foreign(
            url._replace(path=url.path.rstrip("/").removesuffix("/v2").removesuffix("/eureka"))
        )

    def epoch(self) -> str:
        return epoch_of(self._native)

    def read(self) -> Listing:
        found: dict[str, Instance] = {}
        skipped: list[str] = []
        try:
            apps = _document.decode(self._server.get("/apps")).applications.application
        except UNREADABLE as error:
            raise Away(f"{self.origin} does not answer as Eureka does: {error}") from None
        for app in apps if isinstance(apps, list) else [apps]:
            for fields in app.instance if isinstance(app.instance, list) else [app.instance]:
                _take(fields, found, skipped)
        return Listing(found, tuple(skipped))


def _take(fields: dict[str, Any], found: dict[str, Instance], skipped: list[str]) -> None:
    try:
        info = shape.read(fields)
        if info.status != "UP" or ORIGIN in info.metadata:
            return
        instance = instance_of(info, dots=False)
        found[instance.id] = instance
    except (Rejected, ValueError) as error:
        skipped.append(reason(f"{fields.get('app')}/{fields.get('instanceId')}", error))
