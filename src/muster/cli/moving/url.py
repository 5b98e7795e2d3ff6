"""The name of what is followed: `consul://HOST:8500`, `eureka://HOST:8761/eureka`; with TLS `consul+https://`, `eureka+https://`."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from .consul import ConsulSource
from .eureka import EurekaSource
from .source import Source


def parse(url: str, token: str = "") -> Source:
    """Raises ValueError."""
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
