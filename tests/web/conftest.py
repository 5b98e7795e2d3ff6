"""The same real registry and callers as the native API's tests have."""

from tests.httpapi.conftest import caller, name, prober, registry, wire

__all__ = ["caller", "name", "prober", "registry", "wire"]
