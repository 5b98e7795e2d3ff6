"""A small asyncio client of etcd's v3 API on grpcio: several endpoints, one of them in use; TLS; a user; no retry of its own
that could do anything twice.

A call goes to the endpoint in use. Where that cannot be reached, does not answer or has no leader, the next call goes to the
next endpoint. Every call says `hasleader`, so that a member that is cut off from the others refuses at once instead of telling
what may be long past.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import grpc
import grpc.aio

from muster.model import limits
from muster.registry.store import StoreUnavailable

from .failures import CallFailed, Meaning, explain
from .location import Credentials, Location
from .messages import MESSAGES

RANGE = ("/etcdserverpb.KV/Range", "RangeResponse")
TXN = ("/etcdserverpb.KV/Txn", "TxnResponse")
WATCH = ("/etcdserverpb.Watch/Watch", "WatchResponse")
LEASE_GRANT = ("/etcdserverpb.Lease/LeaseGrant", "LeaseGrantResponse")
LEASE_REVOKE = ("/etcdserverpb.Lease/LeaseRevoke", "LeaseRevokeResponse")
LEASE_KEEP = ("/etcdserverpb.Lease/LeaseKeepAlive", "LeaseKeepAliveResponse")
_AUTHENTICATE = ("/etcdserverpb.Auth/Authenticate", "AuthenticateResponse")

Method = tuple[str, str]
"""A method's path, and the message it answers with."""

_OPTIONS = [
    ("grpc.max_receive_message_length", limits.ETCD_ANSWER_BYTES),
    ("grpc.max_send_message_length", limits.ETCD_ANSWER_BYTES),
    # A connection of its own for each client and endpoint: a shared one would be closed under the other's feet.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", int(limits.ETCD_PING_S * 1000)),
    ("grpc.keepalive_timeout_ms", int(limits.ETCD_CALL_S * 1000)),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_retries", 0),
]


class Client:
    """`location` says where, `credentials` what is shown there. Owns its connections: `close` it."""

    def __init__(self, location: Location, credentials: Credentials = Credentials()) -> None:
        self.location = location
        self._credentials = credentials
        self._security = _security(location, credentials)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._at = 0
        self._token = ""

    def __repr__(self) -> str:
        return f"<Client {self.location} at {self.target}>"

    @property
    def target(self) -> str:
        """The endpoint in use."""
        return self.location.targets[self._at % len(self.location.targets)]

    def leave(self, target: str) -> None:
        """Use another endpoint than this one from now on."""
        if self.target == target:
            self._at += 1

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    # --- Calls ------------------------------------------------------------------------------------------------------

    async def call(self, method: Method, request: Any) -> Any:
        """One attempt at the endpoint in use; only a token that is no longer taken is renewed, and the call made again.
        Raises `CallFailed`."""
        try:
            return await self._attempt(method, request)
        except CallFailed as failed:
            if failed.meaning is not Meaning.SIGN_IN or not self.location.user:
                raise
        self._token = ""
        return await self._attempt(method, request)

    async def ask(self, method: Method, request: Any) -> Any:
        """A call that may safely be made twice: every endpoint gets a chance. Raises `StoreUnavailable`, or `CallFailed` if its
        meaning is `COMPACTED`."""
        problem = ""
        for _ in range(len(self.location.targets) + 1):
            try:
                return await self.call(method, request)
            except CallFailed as failed:
                if failed.meaning is Meaning.COMPACTED:
                    raise
                problem = str(failed)
                if failed.meaning is Meaning.REFUSED:
                    break
        raise StoreUnavailable(problem)

    async def stream(self, method: Method, request: Any) -> AsyncGenerator[Any, None]:
        """Send `request` and yield what comes, until the stream breaks: `CallFailed`."""
        target = self.target
        call = None
        try:
            metadata = await self._metadata()
            channel = self._channel(target)
            call = channel.stream_stream(method[0], _encode, MESSAGES[method[1]].FromString)(
                metadata=metadata
            )
            await call.write(request)
            while (answer := await call.read()) is not grpc.aio.EOF:
                yield answer
            raise CallFailed(Meaning.DOUBT, f"etcd at {target} ended the stream")
        except grpc.aio.AioRpcError as error:
            raise self._failed(target, error) from None
        except asyncio.InvalidStateError:
            raise CallFailed(Meaning.DOUBT, f"etcd at {target} ended the stream") from None
        finally:
            if call is not None:
                call.cancel()

    async def _attempt(self, method: Method, request: Any) -> Any:
        target = self.target
        metadata = await self._metadata() if method is not _AUTHENTICATE else None
        call = self._channel(target).unary_unary(method[0], _encode, MESSAGES[method[1]].FromString)
        try:
            return await call(request, timeout=limits.ETCD_CALL_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise self._failed(target, error) from None

    def _failed(self, target: str, error: grpc.aio.AioRpcError) -> CallFailed:
        failed = explain(target, error.code(), error.details() or "")
        if failed.meaning in (Meaning.ELSEWHERE, Meaning.DOUBT):
            self.leave(target)
        elif failed.meaning is Meaning.SIGN_IN:
            self._token = ""
        return failed

    # --- Connections ------------------------------------------------------------------------------------------------

    def _channel(self, target: str) -> grpc.aio.Channel:
        channel = self._channels.get(target)
        if channel is None:
            make = grpc.aio.insecure_channel if self._security is None else grpc.aio.secure_channel
            arguments = (target,) if self._security is None else (target, self._security)
            channel = self._channels[target] = make(*arguments, options=_OPTIONS)
        return channel

    async def _metadata(self) -> list[tuple[str, str]]:
        metadata = [("hasleader", "true")]
        if self.location.user:
            metadata.append(("token", self._token or await self._sign_in()))
        return metadata

    async def _sign_in(self) -> str:
        file = self._credentials.password_file
        try:
            password = (await asyncio.to_thread(file.read_text)).strip() if file else ""
        except (OSError, UnicodeDecodeError) as error:
            raise CallFailed(Meaning.REFUSED, f"etcd.password_file cannot be read: {error}") from None
        request = MESSAGES["AuthenticateRequest"](name=self.location.user, password=password)
        answer = await self._attempt(_AUTHENTICATE, request)
        self._token = answer.token
        return self._token


def _encode(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded


def _security(location: Location, credentials: Credentials) -> grpc.ChannelCredentials | None:
    """Raises `OSError` where a file cannot be read."""
    if not location.tls:
        return None
    ca, key, cert = (
        file.read_bytes() if file else None for file in (credentials.ca, credentials.key, credentials.cert)
    )
    return grpc.ssl_channel_credentials(ca, key, cert)
