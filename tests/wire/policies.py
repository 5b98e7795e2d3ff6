"""Any policy: documents drawn from the very types that check them, every field within its bounds."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct
from msgspec import inspect as types

from muster.model.policy import Policy
from muster.wire import policy as wire

NAMES = ("stable", "canary", "blue")
PRIMES = (2, 101, 1009, 65_537)
TEXT = st.text("abcxyz-0189 äß", max_size=12)


def documents() -> st.SearchStrategy[dict[str, Any]]:
    return _struct(Policy).map(_sensible)


def policies() -> st.SearchStrategy[Policy]:
    return documents().map(wire.parse)


def _struct(kind: type[Struct]) -> st.SearchStrategy[dict[str, Any]]:
    told = types.type_info(kind)
    assert isinstance(told, types.StructType)
    required = {field.name: _drawn(field.type) for field in told.fields if field.required}
    optional = {field.name: _drawn(field.type) for field in told.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional)


def _drawn(kind: types.Type) -> st.SearchStrategy[Any]:
    match kind:
        case types.Metadata(type=inner):
            return _drawn(inner)
        case types.StructType(cls=cls):
            return _struct(cls)
        case types.LiteralType(values=values):
            return st.sampled_from(sorted(values))
        case types.BoolType():
            return st.booleans()
        case types.IntType(ge=least, le=most):
            return st.integers(least, most)
        case types.FloatType(ge=least, gt=above, le=most):
            return st.floats(least if least is not None else above, most, exclude_min=least is None)
        case types.StrType(min_length=least):
            return TEXT.filter(lambda text: len(text) >= (least or 0))
        case types.VarTupleType(item_type=item):
            return st.lists(_drawn(item), max_size=3)
        case types.DictType(value_type=value):
            return st.dictionaries(st.sampled_from(NAMES), _drawn(value))
    raise AssertionError(kind)


def _sensible(document: dict[str, Any]) -> dict[str, Any]:
    """What no single field can see to: names that are known and distinct, pairs in order, primes."""
    names = NAMES[: len(document.get("subsets", ()))]
    for subset, name in zip(document.get("subsets", ()), names, strict=True):
        subset["name"] = name
    document["splits"] = [{"subset": name, "weight": 1 + number} for number, name in enumerate(names)]
    document["routes"] = [{"header": "x-canary", "value": name, "subset": name} for name in names]
    document["default_subset"] = names[0] if names else ""
    if not names:
        document.pop("fallback", None)
    for part, change in _PARTS.items():
        if part in document:
            document[part] = change(document[part])
    return document


def _balancer(told: dict[str, Any]) -> dict[str, Any]:
    factor = told.get("hash_balance_factor", 0)
    given = {
        "table_size": PRIMES[told.get("table_size", 0) % len(PRIMES)],
        "hash_balance_factor": factor and 100 + factor % 900,
    }
    return _in_order(told | given, "minimum_ring_size", "maximum_ring_size")


def _in_order(told: dict[str, Any], least: str, most: str) -> dict[str, Any]:
    """Both or neither, for the other one has a default."""
    if least in told and most in told:
        told[least], told[most] = sorted((told[least], told[most]))
        return told
    return {name: value for name, value in told.items() if name not in (least, most)}


def _retries(told: dict[str, Any]) -> dict[str, Any]:
    if "back_off" in told:
        told["back_off"] = _in_order(told["back_off"], "base_interval", "max_interval")
    return told


_PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "balancer": _balancer,
    "retries": _retries,
    "breaker": lambda told: _in_order(told, "open_time", "max_open_time"),
    "outlier_detection": lambda told: _in_order(told, "base_ejection_time", "max_ejection_time"),
}
