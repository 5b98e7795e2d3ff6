"""Handlers that change records, or take heartbeats, reports and results."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter

import msgspec

from muster.core import commands
from muster.core.renewal import Renewal
from muster.core.state import Entry, ServiceKey
from muster.httpapi import bodies
from muster.httpapi.detail import detail_of
from muster.model import durations, limits, names
from muster.model.errors import Rejected, Unavailable, invalid
from muster.model.record import instance_key
from muster.registry.confirming import unless_refused
from muster.registry.owner import owner_digest
from muster.registry.registry import Registry
from muster.web.message import NO_CONTENT, Request, Response, answer
from muster.wire import answers, registration, strict

OWNER_HEADER = b"muster-owner-secret"
DEFAULT_NAMESPACE = re.compile(rb"(?:generation=(\d{1,19}))?")
"""The queries of a heartbeat that need no parsing."""

REFUSED: dict[Renewal, tuple[str, str]] = {
    Renewal.UNKNOWN: ("unknown_instance", "no such instance: register it"),
    Renewal.SUPERSEDED: ("superseded", "a newer registration holds this id: stop"),
    Renewal.NOT_OWNER: ("not_owner", "the owner secret does not match"),
}


class Writes:
    """`refused_registrations` counts them by code."""

    def __init__(self, registry: Registry, *, dots: bool) -> None:
        self._registry = registry
        self._dots = dots
        self.refused_registrations: Counter[str] = Counter()

    # --- Registration -----------------------------------------------------------------------------------------------

    async def register(self, request: Request) -> Response:
        try:
            return await self._register(request)
        except (Rejected, Unavailable) as error:
            self.refused_registrations[error.code] += 1
            raise

    async def _register(self, request: Request) -> Response:
        request.only()
        asked = registration.parse(request.body, request.namespace, dots=self._dots)
        secret, minted = _secret(asked.owner_secret, request.header(OWNER_HEADER))
        command = commands.Register(
            asked.instance, asked.incarnation, asked.starting, owner_digest(secret), self._registry.wall()
        )
        decided = await self._registry.command(command)
        entry = decided.entry
        if entry is None:
            raise Unavailable("overloaded", "removed again before it could be answered")
        body = self._registered(entry, secret if minted else None)
        return answer(body, 201 if decided.changed else 200)

    def _registered(self, entry: Entry, secret: str | None) -> answers.Registered:
        record = entry.record
        return answers.Registered(
            service=record.instance.service,
            instance_id=record.instance.id,
            namespace=record.instance.namespace,
            generation=record.generation,
            revision=entry.revision,
            epoch=self._registry.epoch,
            status=entry.status,
            lease=record.instance.lease,
            owner_secret=secret,
        )

    async def deregister(self, request: Request) -> Response:
        request.only("generation")
        key, generation, owner = self._addressed(request)
        await self._registry.command(commands.Deregister(key, generation, owner))
        return NO_CONTENT

    async def amend(self, request: Request) -> Response:
        request.only("generation")
        key, generation, owner = self._addressed(request)
        body = strict.decode(_AMENDMENT, request.body)
        command = commands.Amend(
            key,
            generation,
            owner,
            self._registry.wall(),
            weight=None if body.weight is None else registration.weight(body.weight),
            tags=None if body.tags is None else registration.tags(body.tags),
            metadata=None if body.metadata is None else registration.metadata(body.metadata),
            ready=body.ready,
            override=body.override,
        )
        decided = await self._registry.command(command)
        if decided.entry is None:
            raise Rejected("unknown_instance", "removed meanwhile")
        return answer(detail_of(self._registry, decided.entry))

    async def drain(self, request: Request) -> Response:
        request.only("generation", "wait")
        key, generation, owner = self._addressed(request)
        wait = durations.seconds(
            request.one("wait", str(limits.DRAIN_WAIT_S)), "wait", most=limits.DRAIN_WAIT_MAX_S
        )
        decided = await self._registry.command(commands.Drain(key, generation, owner, self._registry.wall()))
        if decided.entry is None:
            raise Rejected("unknown_instance", "removed meanwhile")
        service = decided.entry.service
        return answer(await self._registry.drained(service, decided.entry.revision, wait))

    # --- Heartbeats -------------------------------------------------------------------------------------------------

    def heartbeat(self, request: Request) -> Response | None:
        """Hot. None where the renewal has to wait for the writer."""
        plain = DEFAULT_NAMESPACE.fullmatch(request.raw_query)
        if plain:
            key, generation = f"default/{request.params['id']}", int(plain[1] or 0)
            owner = owner_digest(request.header(OWNER_HEADER))
        else:
            request.only("generation")
            key, generation, owner = self._addressed(request)
        renewal = self._registry.renew(key, generation, owner)
        if renewal is Renewal.RENEWED or renewal is Renewal.STATIC:
            return NO_CONTENT
        if renewal is Renewal.SLOW:
            return None
        raise Rejected(*REFUSED[renewal])

    async def heartbeat_slow(self, request: Request) -> Response:
        done = self.heartbeat(request)
        if done is not None:
            return done
        await self._registry.revive(*self._addressed(request))
        return NO_CONTENT

    def heartbeats(self, request: Request) -> Response | None:
        """Hot. None where one of the renewals has to wait for the writer."""
        request.only()
        prefix, beats = request.namespace + "/", self._batch(request)
        renewals = self._registry.renew_all(
            (prefix + beat.instance_id, beat.generation, owner_digest(beat.owner_secret)) for beat in beats
        )
        if Renewal.SLOW in renewals:
            return None
        refused = [
            bodies.Refusal(beat.instance_id, REFUSED[renewal][0])
            for beat, renewal in zip(beats, renewals, strict=True)
            if renewal is not Renewal.RENEWED and renewal is not Renewal.STATIC
        ]
        return answer(bodies.Renewed(len(beats) - len(refused), refused))

    async def heartbeats_slow(self, request: Request) -> Response:
        """Renew all again, reviving the lapsed ones: together, so that they share transactions."""
        request.only()
        prefix, beats = request.namespace + "/", self._batch(request)
        codes = await asyncio.gather(*(self._renewed(prefix + beat.instance_id, beat) for beat in beats))
        refused = [
            bodies.Refusal(beat.instance_id, code) for beat, code in zip(beats, codes, strict=True) if code
        ]
        return answer(bodies.Renewed(len(beats) - len(refused), refused))

    async def _renewed(self, key: str, beat: bodies.Heartbeat) -> str:
        """The code of the refusal, "" if there is none."""
        owner = owner_digest(beat.owner_secret)
        renewal = self._registry.renew(key, beat.generation, owner)
        if renewal in REFUSED:
            return REFUSED[renewal][0]
        try:
            if renewal is Renewal.SLOW:
                await self._registry.revive(key, beat.generation, owner)
        except (Rejected, Unavailable) as error:
            return error.code
        return ""

    def _batch(self, request: Request) -> list[bodies.Heartbeat]:
        beats = strict.decode_once(_HEARTBEATS, request.body).heartbeats
        if len(beats) > limits.HEARTBEATS_PER_BATCH:
            raise invalid(
                "heartbeats", f"may hold {limits.HEARTBEATS_PER_BATCH} heartbeats, not {len(beats)}"
            )
        return beats

    # --- Reports and results ----------------------------------------------------------------------------------------

    def suspect(self, request: Request) -> Response | None:
        """Hot. A caller could not reach the instance."""
        return unless_refused(self._registry, self._suspect, request)

    async def suspect_slow(self, request: Request) -> Response:
        async def suspected() -> Response:
            return self._suspect(request)

        return await self._registry.sure(self._addressed(request)[0], suspected)

    def _suspect(self, request: Request) -> Response:
        request.only("generation")
        body = strict.decode(_SUSPECT, request.body) if request.body else bodies.Suspect()
        key, generation, _ = self._addressed(request)
        self._registry.report(key, generation or body.generation, request.connection.source)
        return answer(bodies.Accepted(), 202)

    async def check(self, request: Request) -> Response:
        request.only("generation")
        body = strict.decode(_CHECK, request.body)
        key, generation, owner = self._addressed(request)
        said = names.printable(body.output, limits.CHECK_OUTPUT_CHARS)
        health = await self._registry.push(
            key, generation or body.generation, owner, body.check, body.result, said
        )
        return answer(bodies.HealthNow(health))

    def acks(self, request: Request) -> Response:
        """Hot. A subscriber has applied these revisions."""
        request.only()
        body = strict.decode(_ACKS, request.body)
        namespace = request.namespace
        for name, revision in body.services.items():
            service = ServiceKey(namespace, name.lower())
            self._registry.subscribers.acknowledged(body.subscriber, service, revision)
        return NO_CONTENT

    def _addressed(self, request: Request) -> tuple[str, int, bytes]:
        key = instance_key(request.namespace, request.params["id"])
        return key, request.number("generation") or 0, owner_digest(request.header(OWNER_HEADER))


def _secret(asked: str | bool | None, sent: str) -> tuple[str, bool]:
    """(the owner secret an instance registers with, whether it was made here). `sent`: in the header.

    Who asks for one to be made and sends one has it from an earlier registration of the same id.
    """
    if isinstance(asked, str):
        return asked, False
    if sent:
        return registration.owner_secret(sent), False
    return (secrets.token_urlsafe(24), True) if asked else ("", False)


_AMENDMENT = msgspec.json.Decoder(bodies.Amendment)
_HEARTBEATS = msgspec.json.Decoder(bodies.Heartbeats)
_SUSPECT = msgspec.json.Decoder(bodies.Suspect)
_CHECK = msgspec.json.Decoder(bodies.CheckResult)
_ACKS = msgspec.json.Decoder(bodies.Acks)
