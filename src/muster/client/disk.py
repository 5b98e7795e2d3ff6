"""The last known good, on disk: what a process that starts while no registry answers begins with.

    DIR/<registries>/<namespace>/<service>.mirror     one line of JSON about the file, then the instances as JSON

Any number of processes share a directory. A file is replaced whole (write elsewhere, rename), so a reader sees the old one
or the new one; whoever knows no more than the file holds only touches it, and its modification time says when somebody
last vouched for it. There is no fsync: what a power failure damages is found by the checksum and fetched again.

A damaged file is ignored and later replaced. A file that is not ours, or that a newer version wrote, is never touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from muster.model import limits
from muster.model.errors import Rejected
from muster.model.policy import Policy
from muster.wire import policy as policies
from muster.wire.view import InstanceView

from . import credible, endpoint
from .state import Snapshot

FORMAT = "muster-mirror"
VERSION = 1
_BEGINNING = b'{"format":"%s","version":' % FORMAT.encode()
_OURS = re.compile(re.escape(_BEGINNING) + rb"(\d{1,9})\b")
_SUFFIX = ".mirror"
_TEMPORARY = ".tmp"
_HEAD_BYTES = 4_096 + limits.POLICY_BYTES


class Unreadable(Exception):
    """A file that holds nothing we can use."""


class Foreign(Unreadable):
    """A file that somebody else wrote: it is left alone."""


class Head(Struct, frozen=True):
    """The first line. `sum` is BLAKE2b-16 of all that follows it and of the policy, the service's document, if it has one."""

    format: str
    version: int
    service: str
    epoch: str
    revision: int
    exists: bool
    sum: str
    policy: dict[str, Any] | None = None


_head = msgspec.json.Decoder(Head)
_body = msgspec.json.Decoder(tuple[InstanceView, ...])
_encode = msgspec.json.Encoder().encode


class Disk:
    """The files of one namespace of one set of registries below `directory`. Raises OSError, `Unreadable`, `Foreign`."""

    def __init__(self, directory: Path, registries: Iterable[str], namespace: str) -> None:
        key = hashlib.blake2b("\n".join(sorted(registries)).encode(), digest_size=6).hexdigest()
        self._directory = directory / key / namespace
        self._damaged: set[str] = set()

    def __repr__(self) -> str:
        return f"<Disk {self._directory}>"

    def path(self, service: str) -> Path:
        return self._directory / f"{service}{_SUFFIX}"

    def load(self, service: str) -> tuple[Snapshot, float] | None:
        """The service as last saved, and how many seconds ago that was. None if there is no file."""
        try:
            return self._read(service)
        except FileNotFoundError:
            return None
        except Unreadable:
            self._damaged.add(service)
            raise

    def _read(self, service: str) -> tuple[Snapshot, float]:
        with _opened(self.path(service)) as file:
            head = _read_head(file.readline(_HEAD_BYTES))
            body = file.read(limits.CLIENT_DISK_BYTES + 1)
            saved = os.fstat(file.fileno()).st_mtime
        if (
            len(body) > limits.CLIENT_DISK_BYTES
            or head.sum != _sum(body, head.policy)
            or head.service != service
        ):
            raise Unreadable("damaged: its checksum does not match")
        return _snapshot(head, body), max(0.0, _wall() - saved)

    def save(self, snapshot: Snapshot) -> None:
        path = self.path(snapshot.service)
        known = self._known(path, snapshot)
        if known and snapshot.service not in self._damaged:
            os.utime(path)
            return
        body = _encode(snapshot.instances)
        if len(body) > limits.CLIENT_DISK_BYTES:
            raise Unreadable(f"{snapshot.service} takes {len(body)} bytes, over {limits.CLIENT_DISK_BYTES}")
        self._replace(path, _encode(_head_of(snapshot, body)) + b"\n" + body)
        self._damaged.discard(snapshot.service)

    def sweep(self) -> None:
        """Remove what processes that died in the middle of a `save` left behind."""
        for path in self._directory.glob(f"*{_TEMPORARY}"):
            with contextlib.suppress(OSError):
                if _wall() - path.stat().st_mtime > limits.CLIENT_TEMPORARY_S:
                    path.unlink()

    def _known(self, path: Path, snapshot: Snapshot) -> bool:
        """True if the file says as much already. Raises `Foreign` on a file that must not be replaced."""
        try:
            with _opened(path) as file:
                head = _read_head(file.readline(_HEAD_BYTES))
        except Foreign:
            raise
        except (FileNotFoundError, Unreadable):
            return False
        same = head.epoch == snapshot.epoch and head.revision >= snapshot.revision
        return same and head.policy == _document(snapshot)

    def _replace(self, path: Path, content: bytes) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}{_TEMPORARY}")
        try:
            with open(temporary, "xb", opener=_private) as file:
                file.write(content)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _head_of(snapshot: Snapshot, body: bytes) -> Head:
    return Head(
        format=FORMAT,
        version=VERSION,
        service=snapshot.service,
        epoch=snapshot.epoch,
        revision=snapshot.revision,
        exists=snapshot.exists,
        sum=_sum(body, _document(snapshot)),
        policy=_document(snapshot),
    )


def _document(snapshot: Snapshot) -> dict[str, Any] | None:
    return policies.document(snapshot.policy) if snapshot.policy else None


def _read_head(line: bytes) -> Head:
    """Our files begin with our name and version, whatever else happened to them; all others are somebody's."""
    ours = _OURS.match(line)
    if ours is None:
        if _BEGINNING.startswith(line):
            raise Unreadable("damaged: it ends at once")
        raise Foreign("not a mirror of ours")
    if int(ours[1]) != VERSION:
        raise Foreign(f"of version {int(ours[1])}; this is version {VERSION}")
    try:
        return _head.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"damaged: {error}") from None


def _snapshot(head: Head, body: bytes) -> Snapshot:
    try:
        endpoints = tuple(
            endpoint.of(credible.bounded(instance))
            for instance in _body.decode(body)
            if not credible.wrong(instance, head.service)
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"damaged: {error}") from None
    return Snapshot(
        service=head.service,
        epoch=head.epoch,
        revision=head.revision,
        exists=head.exists,
        endpoints=endpoints,
        source="disk",
        policy=_policy(head),
    )


def _policy(head: Head) -> Policy | None:
    """One that cannot be read is none: the defaults are better than no endpoint at all."""
    try:
        return None if head.policy is None else policies.parse(head.policy)
    except Rejected:
        return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """For reading, at once: nobody may ever write into a pipe that stands there. Raises OSError, `Foreign`."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Foreign("not a file")
        yield file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _sum(body: bytes, policy: dict[str, Any] | None) -> str:
    return hashlib.blake2b(body + (_encode(policy) if policy else b""), digest_size=16).hexdigest()


def _wall() -> float:
    """Seconds since 1970, for comparison with modification times alone."""
    return datetime.now(UTC).timestamp()
