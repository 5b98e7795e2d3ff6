"""A `Discovery` or `Registrar` configured by its environment, as a twelve-factor program is.

MUSTER_URL          http://a:8500,http://b:8500, or static: and endpoints (static.py)     required
MUSTER_NAMESPACE    default
MUSTER_ZONE, MUSTER_REGION          where the caller is
MUSTER_TOKEN, MUSTER_TOKEN_FILE     the latter is read again whenever it is needed
MUSTER_CA_FILE      certificates to verify registries with, instead of the system's
MUSTER_DOTTED_NAMES true where registries allow dots in names; default: false
MUSTER_CACHE_DIR    where the last known good is kept; empty: nowhere. Default: $XDG_CACHE_HOME/muster or ~/.cache/muster
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


class Environment(Struct, frozen=True):
    urls: str
    namespace: str = "default"
    zone: str = ""
    region: str = ""
    token: str | Path | None = None
    cache_dir: Path | None = None
    dotted_names: bool = False
    tls: ssl.SSLContext | None = None


def read(environ: Mapping[str, str]) -> Environment:
    """Raises ValueError for two tokens and for neither true nor false, OSError for certificates that cannot be read."""
    token, token_file = environ.get("MUSTER_TOKEN"), environ.get("MUSTER_TOKEN_FILE")
    if token and token_file:
        raise ValueError("MUSTER_TOKEN and MUSTER_TOKEN_FILE are both set: one of them")
    return Environment(
        urls=environ.get("MUSTER_URL", ""),
        namespace=environ.get("MUSTER_NAMESPACE") or "default",
        zone=environ.get("MUSTER_ZONE", ""),
        region=environ.get("MUSTER_REGION", ""),
        token=Path(token_file) if token_file else token or None,
        cache_dir=_cache_dir(environ),
        dotted_names=_is_true("MUSTER_DOTTED_NAMES", environ),
        tls=_trusting("MUSTER_CA_FILE", environ),
    )


def _is_true(variable: str, environ: Mapping[str, str]) -> bool:
    given = environ.get(variable, "").lower()
    if given in _TRUE or given in _FALSE:
        return given in _TRUE
    raise ValueError(f"{variable} is neither true nor false: {given!r}")


def _trusting(variable: str, environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """What verifies by the certificates in a file, if one is named."""
    path = environ.get(variable)
    try:
        return ssl.create_default_context(cafile=path) if path else None
    except OSError as error:
        raise OSError(f"{variable}: certificates cannot be read from {path!r}: {error}") from None


def _cache_dir(environ: Mapping[str, str]) -> Path | None:
    if (given := environ.get("MUSTER_CACHE_DIR")) is not None:
        return Path(given) if given else None
    if cache := environ.get("XDG_CACHE_HOME"):
        return Path(cache) / "muster"
    home = environ.get("HOME")
    return Path(home) / ".cache" / "muster" if home else None
