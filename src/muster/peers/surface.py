"""The routes under which the other replicas reach this one, and the list of them for everybody."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from muster.core.state import ServiceKey
from muster.model import limits
from muster.model.errors import Rejected
from muster.registry.replicas.port import Member, PeerUnreachable
from muster.registry.replicas.replicas import Replicas
from muster.web.message import Request, Response, answer
from muster.web.router import Route

from . import bodies

T = TypeVar("T")


class Handlers:
    """`secret` is what every replica of the cluster knows."""

    def __init__(self, replicas: Replicas, secret: str, version: str) -> None:
        self._replicas = replicas
        self._secret = secret.encode()
        self._version = version

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/v1/replicas",
                self.all,
                "Every live replica, and how it stands.",
                returns=bodies.ReplicaList,
            ),
            Route("GET", "/v1/replicas/standing", self.mine, "How this replica stands, for the others."),
            Route(
                "POST",
                "/v1/replicas/ask",
                self.asked,
                "When this replica last heard of instances, for the others.",
                body_limit=limits.PEER_ANSWER_BYTES,
            ),
            Route(
                "POST",
                "/v1/replicas/compare",
                self.compared,
                "What this replica holds of some services, for the others.",
                body_limit=limits.PEER_ANSWER_BYTES,
            ),
            Route(
                "POST",
                "/v1/replicas/drained",
                self.drained,
                "What this replica's subscribers say to a drain, for the others.",
                body_limit=limits.PEER_ANSWER_BYTES,
            ),
        )

    def knows_secret(self, request: Request) -> bool:
        return hmac.compare_digest(request.header(bodies.SECRET_HEADER).encode("latin-1"), self._secret)

    async def all(self, request: Request) -> Response:
        request.only()
        membership = self._replicas.membership
        replicas = await asyncio.gather(
            *(self._one(member) for _, member in sorted(membership.members.items()))
        )
        return answer(bodies.ReplicaList(list(replicas)))

    async def _one(self, member: Member) -> bodies.Replica:
        me = member.name == self._replicas.membership.me.name
        one = bodies.Replica(member.name, member.url, me, self._replicas.rests(member.name))
        if one.me:
            standing = self._replicas.standing(self._version)
            return replace(one, standing=standing, problem=self._replicas.trouble)
        try:
            return replace(one, standing=await self._replicas.peers.standing(member))
        except PeerUnreachable as error:
            return replace(one, problem=str(error))

    def mine(self, request: Request) -> Response:
        request.only()
        self._insist(request)
        return _packed(self._replicas.standing(self._version))

    def asked(self, request: Request) -> Response:
        request.only()
        self._insist(request)
        return _packed(self._replicas.asked(_read(bodies.inquiry, request.body)))

    async def compared(self, request: Request) -> Response:
        request.only()
        self._insist(request)
        return _packed(await self._replicas.agreement.asked(_read(bodies.comparison, request.body)))

    async def drained(self, request: Request) -> Response:
        request.only()
        self._insist(request)
        asked = _read(bodies.drain_wait, request.body)
        wait = min(asked.wait, limits.DRAIN_WAIT_MAX_S)
        service = ServiceKey(asked.namespace, asked.service)
        return _packed(await self._replicas.drained_here(service, asked.revision, wait))

    def _insist(self, request: Request) -> None:
        if not self.knows_secret(request):
            raise Rejected("token_invalid", "the replicas of one cluster share replica.secret_file")


def _read(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except msgspec.MsgspecError as error:
        raise Rejected("invalid_request", str(error)) from None


def _packed(value: object) -> Response:
    return Response(200, bodies.encode(value), media=bodies.MEDIA.encode())
