"""Muster: who can safely take the next request, right now.

`import muster` starts nothing, opens nothing and reads nothing: no thread, no socket, no event loop.
The names below are fetched when they are first used, so that a program which only wants the model
does not pay for the client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muster.client import Discovery as Discovery
    from muster.client import NoEndpoint as NoEndpoint
    from muster.client import Registrar as Registrar

__version__ = "0.1.0"

__all__ = ["Discovery", "NoEndpoint", "Registrar", "__version__"]

_HOMES = {"Discovery": "muster.client", "NoEndpoint": "muster.client", "Registrar": "muster.client"}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'muster' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
