"""What a URL names: `http://inventory.svc/stock`, `svc://inventory/stock` and `http+svc://inventory/stock` are calls of `inventory`."""

from __future__ import annotations

from typing import Final

SUFFIX: Final = ".svc"
SCHEME: Final = "svc"


def service_of(host: str) -> str:
    return host.removesuffix(SUFFIX)


def scheme_of(scheme: str) -> str:
    """`svc` itself is no protocol."""
    return "http" if scheme == SCHEME else scheme.removesuffix(f"+{SCHEME}")
