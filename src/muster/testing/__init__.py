"""Fakes that Muster's own tests use, shipped for yours. Fetched when they are first used, for pytest loads the plugin in every run."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clock import ManualClock as ManualClock
    from .registry import FakeRegistry as FakeRegistry

__all__ = ["FakeRegistry", "ManualClock"]

_HOMES = {"FakeRegistry": "registry", "ManualClock": "clock"}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value
