"""How long the library waits for what. The defaults are right; tests pass shorter ones."""

from __future__ import annotations

from msgspec import Struct

from muster.model import limits


class Timing(Struct, frozen=True):
    """All in seconds; reasons are with the limits of the same names."""

    connect: float = limits.CLIENT_CONNECT_S
    request: float = limits.CLIENT_REQUEST_S
    silence: float = limits.STREAM_SILENCE_S
    event: float = limits.CLIENT_EVENT_S
    retry_first: float = limits.CLIENT_RETRY_FIRST_S
    retry_max: float = limits.CLIENT_RETRY_MAX_S
    refused_retry_max: float = limits.CLIENT_REFUSED_RETRY_MAX_S
    register_retry_max: float = limits.CLIENT_REGISTER_RETRY_MAX_S
    steady: float = limits.CLIENT_STEADY_S
    refresh: float = limits.CLIENT_REFRESH_S
    save: float = limits.CLIENT_SAVE_S
    heartbeat_retry: float = limits.CLIENT_HEARTBEAT_RETRY_S
    close: float = limits.CLIENT_CLOSE_S


USUAL = Timing()
