"""Where things are in etcd, and what their revisions mean. Pure.

    <prefix>/home                which folder the records are in, and the revision at which they came to be there
    <prefix>/epoch               the name of the history, and the etcd cluster it was begun in
    <prefix>/<home>/last         the id of the last operation: written with every transaction
    <prefix>/<home>/k/<key>      a record: the operation that wrote it, then its value

A restore fills another folder and then moves `home` there, in one transaction. Another epoch over the same folder is begun when
etcd itself was put back to an older state: records and revisions stay what they were, and every reader is told.

A revision of ours counts from the moment `home` was written: `base` + etcd's revision - that of `home`. So a registry that came
from elsewhere goes on above the revisions it had told there.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

ABSENT = 0
"""etcd's mod_revision of a key that is not there, and our revision of it."""


class HomeSays(Struct, frozen=True):
    """The value of `home`."""

    name: str
    base: int = 0


class EpochSays(Struct, frozen=True):
    """The value of `epoch`. `cluster` is etcd's cluster id: another one holds a copy, not this history."""

    name: str
    cluster: int


class Layout(Struct, frozen=True):
    """One history as etcd holds it. `home_at`, `epoch_at`: etcd's revisions of the two keys' last writes."""

    prefix: str
    home: HomeSays
    home_at: int
    epoch: EpochSays
    epoch_at: int

    @property
    def folder(self) -> bytes:
        return f"{self.prefix}/{self.home.name}/k/".encode()

    @property
    def last(self) -> bytes:
        return f"{self.prefix}/{self.home.name}/last".encode()

    def key(self, key: str) -> bytes:
        return self.folder + key.encode()

    def revision(self, theirs: int) -> int:
        """Ours, of etcd's."""
        return theirs - self.home_at + self.home.base

    def theirs(self, revision: int) -> int:
        """Etcd's, of ours; of an absent key, etcd's word for that."""
        return revision - self.home.base + self.home_at if revision else ABSENT


def home_key(prefix: str) -> bytes:
    return f"{prefix}/home".encode()


def epoch_key(prefix: str) -> bytes:
    return f"{prefix}/epoch".encode()


def everything(prefix: str) -> tuple[bytes, bytes]:
    """The range of all keys of ours: from, to (exclusive)."""
    return f"{prefix}/".encode(), f"{prefix}0".encode()  # "0" follows "/" in ASCII


def after(folder: bytes) -> bytes:
    """The end (exclusive) of a range over a folder, whose name ends in a slash."""
    return folder[:-1] + b"0"


def encode(says: HomeSays | EpochSays) -> bytes:
    return msgspec.json.encode(says)


def home_says(value: bytes) -> HomeSays:
    """Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(value, type=HomeSays)


def epoch_says(value: bytes) -> EpochSays:
    """Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(value, type=EpochSays)


# --- Records ----------------------------------------------------------------------------------------------------------


def seal(op: str, value: bytes) -> bytes:
    """A record as etcd holds it: the operation's id with its length before it, then the value."""
    name = op.encode()
    return len(name).to_bytes(2, "big") + name + value


def unseal(sealed: bytes) -> tuple[str, bytes]:
    """(op, value). Raises `ValueError` for what we did not write."""
    length = int.from_bytes(sealed[:2], "big")
    if len(sealed) < 2 + length:
        raise ValueError("a record without the id of its operation")
    return sealed[2 : 2 + length].decode(), sealed[2 + length :]
