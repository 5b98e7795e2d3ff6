"""Handlers that change: register, renew, cancel, override, metadata.

Eureka's instances have no incarnation and no owner secret; what tells one start from another there is `lastDirtyTimestamp`, which
an instance raises whenever it has something new to say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from muster.core import commands
from muster.core.renewal import Renewal
from muster.core.state import Entry
from muster.model.errors import Rejected, invalid
from muster.registry.confirming import unless_refused
from muster.registry.registry import Registry
from muster.web.message import NO_CONTENT, Request, Response
from muster.wire import registration

from . import forms
from .info import STATUSES, InstanceInfo
from .translation import instance_of, own_words
from .views import Views, keys

DONE: Final = Response(200)
Handler = Callable[[Request], Awaitable[Response]]
NOT_READY: Final = ("OUT_OF_SERVICE", "UNKNOWN")
"""What an instance says of itself that an override of UP overrules; DOWN and STARTING stand (`DownOrStartingRule`)."""


class Writes:
    def __init__(self, registry: Registry, views: Views, *, dots: bool) -> None:
        self._registry = registry
        self._views = views
        self._dots = dots

    # --- Instances ----------------------------------------------------------------------------------------------------

    async def register(self, request: Request) -> Response:
        info = _registration(request)
        instance = instance_of(info, dots=self._dots)
        known = self._views.find(info.app, info.instance_id)
        if known is not None and _dirty(known) > info.last_dirty:
            # An older word of the same instance, late: it lives, and what it said since stands (`registry.register`).
            return await self._renewed(known, NO_CONTENT)
        ready = info.status == "UP"
        command = commands.Register(instance, "", not ready, b"", self._registry.wall())
        decided = await self._registry.command(command)
        if decided.entry is not None and (decided.entry.record.facts.ready is not False) != ready:
            await self._registry.command(_amended(self._registry, decided.entry, ready=ready))
        return NO_CONTENT

    def renew(self, request: Request) -> Response | None:
        """Hot. 404 sends the instance to register again: it is not known, or has news that we have not heard."""
        return unless_refused(self._registry, self._renew, request)

    def _renew(self, request: Request) -> Response | None:
        entry = self._found(request)
        dirty = request.number("lastDirtyTimestamp") or 0
        if dirty > _dirty(entry) > 0:
            raise _unknown()
        renewal = self._registry.renew(entry.key, 0, b"")
        if renewal is Renewal.SLOW:
            return None
        if renewal is Renewal.NOT_OWNER:
            raise Rejected(
                "not_owner", "the instance is guarded by an owner secret, which Eureka's clients do not have"
            )
        if renewal is Renewal.UNKNOWN:
            raise _unknown()
        return DONE

    async def renew_slow(self, request: Request) -> Response:
        done = self._renew(request)
        return done or await self._renewed(self._found(request), DONE)

    async def cancel(self, request: Request) -> Response:
        entry = self._found(request)
        await self._registry.command(commands.Deregister(entry.key, 0, b""))
        return DONE

    # --- What is said of them -----------------------------------------------------------------------------------------

    async def override(self, request: Request) -> Response:
        """UP ends an override; any other status takes the instance out, until the override is deleted or set to UP."""
        entry = self._found(request)
        value = request.one("value").upper()
        if value not in STATUSES:
            raise invalid("value", f"must be one of {', '.join(STATUSES)}")
        own = own_words(entry.record.instance)
        ready = True if value == "UP" and own is not None and own.status in NOT_READY else None
        override = "" if value == "UP" else "out_of_service"
        await self._registry.command(_amended(self._registry, entry, override=override, ready=ready))
        return DONE

    async def end_override(self, request: Request) -> Response:
        entry = self._found(request)
        await self._registry.command(_amended(self._registry, entry, override=""))
        return DONE

    async def metadata(self, request: Request) -> Response:
        entry = self._found(request)
        pairs = {key: values[-1] for key, values in request.query.items()}
        merged = registration.metadata({**entry.record.instance.metadata, **pairs})
        await self._registry.command(_amended(self._registry, entry, metadata=merged))
        return DONE

    # --- Parts --------------------------------------------------------------------------------------------------------

    def sure(self, handler: Handler) -> Handler:
        """The handler, refusing only what the store confirms of either record that may be meant."""

        async def handled(request: Request) -> Response:
            ask: Callable[[], Awaitable[Response]] = partial(handler, request)
            for key in keys(request.params["app"], request.params["id"]):
                ask = partial(self._registry.sure, key, ask)
            return await ask()

        return handled

    def _found(self, request: Request) -> Entry:
        entry = self._views.find(request.params["app"], request.params["id"])
        if entry is None:
            raise _unknown()
        return entry

    async def _renewed(self, entry: Entry, answer: Response) -> Response:
        if self._registry.renew(entry.key, 0, b"") is Renewal.SLOW:
            await self._registry.revive(entry.key, 0, b"")
        return answer


def _registration(request: Request) -> InstanceInfo:
    info = forms.of_media(request.header(b"content-type")).read(request.body)
    app = request.params["app"].upper()
    if info.app != app:
        raise Rejected("invalid_request", f"Mismatched appName, expecting {app} but was {info.app}")
    return info


def _amended(
    registry: Registry,
    entry: Entry,
    *,
    override: str | None = None,
    ready: bool | None = None,
    metadata: dict[str, str] | None = None,
) -> commands.Amend:
    generation = entry.record.generation
    return commands.Amend(
        entry.key, generation, b"", registry.wall(), metadata=metadata, ready=ready, override=override
    )


def _dirty(entry: Entry) -> int:
    """What the instance said last; 0 for one that was not registered through Eureka's API."""
    own = own_words(entry.record.instance)
    return own.last_dirty if own is not None else 0


def _unknown() -> Rejected:
    return Rejected("unknown_instance", "")
