"""What is followed: `consul://HOST:8500`, `eureka://HOST:8761/eureka`; with TLS `consul+https://`, `eureka+https://`."""

from __future__ import annotations

from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Struct

from muster.model import limits, names
from muster.model.instance import Instance

ORIGIN: Final = "muster-origin"
"""Metadata of a copy: where it is from. Never followed again."""


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding something else than was asked for can raise."""


class Listing(Struct, frozen=True):
    """Those that may be called now, by the id they have here. `skipped`: what cannot be kept here, with the reason."""

    instances: dict[str, Instance]
    skipped: tuple[str, ...] = ()


class Source(Protocol):
    """`origin` is its URL without a password."""

    origin: str

    def read(self) -> Listing:
        """Raises `Away`."""
        ...

    def epoch(self) -> str:
        """Of the history it serves, if it is a registry of ours; "" if it is not, or does not say."""
        ...


def reason(who: str, error: Exception) -> str:
    """Why an instance is skipped, no longer than anybody reads."""
    most = limits.FOLLOW_REASON_CHARS
    return f"{names.printable(who, most)}: {names.printable(str(error), most)}"


def parse(url: str, token: str = "") -> Source:
    """Raises ValueError."""
    from .consul import ConsulSource
    from .eureka import EurekaSource

    split = urlsplit(url)
    kind, _, tls = split.scheme.partition("+")
    if tls not in ("", "http", "https") or not split.hostname or split.query or split.fragment:
        raise ValueError("must look like consul://HOST:8500 or eureka://HOST:8761/eureka")
    reached = split._replace(scheme=tls or "http")
    match kind:
        case "consul":
            return ConsulSource(_port(reached, 8500), _origin(split), token)
        case "eureka":
            return EurekaSource(_port(reached, 8761), _origin(split))
    raise ValueError(f"{kind or url!r} is neither consul nor eureka")


def _port(url: SplitResult, usual: int) -> SplitResult:
    if url.port is not None or url.scheme == "https":
        return url
    return url._replace(netloc=f"{url.netloc}:{usual}")


def _origin(url: SplitResult) -> str:
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl().rstrip("/")
