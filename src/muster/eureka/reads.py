"""Handlers that look: apps, their delta, one app, one instance, virtual addresses."""

from __future__ import annotations

from collections.abc import Sequence

from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.registry.registry import Registry
from muster.web.message import Request, Response

from . import forms, pieces
from .forms import Form
from .pieces import Piece
from .translation import listed
from .views import Views

VARIES = (b"vary", b"accept, accept-encoding")


class Reads:
    def __init__(self, registry: Registry, views: Views) -> None:
        self._registry = registry
        self._views = views

    async def apps(self, request: Request) -> Response:
        self._known()
        form = _form(request)
        await self._views.prepare(form)
        return _answer(request, form, self._views.all(form))

    def delta(self, request: Request) -> Response:
        self._known()
        form = _form(request)
        return _answer(request, form, self._views.delta(form))

    def app(self, request: Request) -> Response:
        form = _form(request)
        found = self._views.application(request.params["app"], form)
        if found is None:
            raise _unknown()
        return _answer(request, form, [Piece(found)])

    def instance(self, request: Request) -> Response:
        entry = self._views.find(request.params["app"], request.params["id"])
        if entry is None or not listed(entry):
            raise _unknown()
        form = _form(request)
        return _answer(request, form, [Piece(self._views.instance(entry, form))])

    def anywhere(self, request: Request) -> Response:
        entry = self._views.anywhere(request.params["id"])
        if entry is None:
            raise _unknown()
        form = _form(request)
        return _answer(request, form, [Piece(self._views.instance(entry, form))])

    def vip(self, request: Request) -> Response:
        return self._at(request, secure=False)

    def secure_vip(self, request: Request) -> Response:
        return self._at(request, secure=True)

    def _at(self, request: Request, *, secure: bool) -> Response:
        form = _form(request)
        found = self._views.at_vip(request.params["vip"], form, secure=secure)
        if found is None:
            raise _unknown()
        return _answer(request, form, found)

    def _known(self) -> None:
        """A registry that began a moment ago and knows nobody empties no client: all of them keep what they have when asking
        fails, as they do when a Eureka server starts without its peers."""
        if not self._registry.settled and not any(self._registry.entries()):
            raise Unavailable("unsettled", "this registry began a moment ago and has heard of nobody yet")


def _form(request: Request) -> Form:
    return forms.of_accept(request.header(b"accept"))


def _answer(request: Request, form: Form, body: Sequence[Piece]) -> Response:
    if "gzip" in request.header(b"accept-encoding") and sum(map(len, body)) >= limits.EUREKA_GZIP_BYTES:
        headers = (VARIES, (b"content-encoding", b"gzip"))
        return Response(200, pieces.gzipped(body), headers, form.media)
    return Response(200, pieces.plain(body), (VARIES,), form.media)


def _unknown() -> Rejected:
    return Rejected("unknown_instance", "")
