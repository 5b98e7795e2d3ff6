"""A traffic policy as JSON, or as what a reader of YAML makes of a text: in, every bad value named by its field; out, the
shortest document that means the same.

    parse({"balancer": "maglev", "timeouts": {"request": "5s"}})  ->  Policy(...)
    document(policy)                                              ->  {"balancer": "maglev", "timeouts": {"request": "5s"}}

Durations may be written as everywhere (`250ms`, `5m`); which fields are durations, the types say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec import inspect as types

from muster.model import durations, limits, names
from muster.model.errors import Rejected, invalid
from muster.model.policy import Policy
from muster.model.resilience import SECONDS

from . import strict

_decoder = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()


def decode(body: bytes) -> Policy:
    """The policy in a JSON body. Raises `Rejected` (`invalid_json`, or `invalid_request` with the field)."""
    if len(body) > limits.POLICY_BYTES:
        raise Rejected("body_too_large", f"a policy holds at most {limits.POLICY_BYTES} bytes")
    return parse(strict.decode(_decoder, body))


def encode(policy: Policy) -> bytes:
    """The shortest JSON that decodes to `policy`."""
    return _encoder.encode(document(policy))


def parse(value: object) -> Policy:
    """The policy in plain values. Raises `Rejected` with the field (`outlier_detection.interval`)."""
    if isinstance(value, Mapping) and isinstance(value.get("balancer"), str):
        value = {**value, "balancer": {"name": value["balancer"]}}
    policy = strict.convert(_each_duration(value, Policy, "", _to_seconds), Policy)
    for check in _CHECKS:
        check(policy)
    return policy


def document(policy: Policy, *, full: bool = False) -> dict[str, Any]:
    """The policy in plain values: what differs from the defaults, or, `full`, every field."""
    fields = (
        _all_fields(policy) if full else msgspec.json.decode(_encoder.encode(policy), type=dict[str, Any])
    )
    plain = {"format": policy.format} | fields
    shown = cast(dict[str, Any], _each_duration(plain, Policy, "", _to_text))
    if not full and shown.get("balancer", {}).keys() == {"name"}:
        shown["balancer"] = shown["balancer"]["name"]
    return shown


def _each_duration(
    value: object, kind: type[Struct], where: str, change: Callable[[Any, str], object]
) -> object:
    """A copy of `value`, which is meant to be a `kind`, with every duration in it changed."""
    if not isinstance(value, Mapping):
        return value
    changed = dict(value)
    for name, field in _fields(kind).items():
        if name in changed:
            path = f"{where}.{name}" if where else name
            if isinstance(field, types.StructType):
                changed[name] = _each_duration(changed[name], field.cls, path, change)
            elif _is_duration(field):
                changed[name] = change(changed[name], path)
    return changed


@cache
def _fields(kind: type[Struct]) -> dict[str, types.Type]:
    known = types.type_info(kind)
    assert isinstance(known, types.StructType)
    return {field.name: field.type for field in known.fields}


def _is_duration(field: types.Type) -> bool:
    return isinstance(field, types.Metadata) and (field.extra or {}).get("unit") == SECONDS


def _to_seconds(value: Any, where: str) -> object:
    """Text becomes seconds; whatever else it is, the types judge."""
    return durations.seconds(value, where) if isinstance(value, str) else value


def _to_text(value: float, where: str) -> object:
    """`5` -> `5s`, where that reads back as the same number; not every number has such a text (`1e-9`)."""
    text = durations.show(value)
    try:
        return text if durations.seconds(text, where) == value else value
    except Rejected:
        return value


def _all_fields(value: object) -> Any:
    if isinstance(value, Struct):
        return {name: _all_fields(getattr(value, name)) for name in value.__struct_fields__}
    return [_all_fields(item) for item in value] if isinstance(value, tuple) else value


def _names_are_distinct(policy: Policy) -> None:
    for what in ("subsets", "splits"):
        seen = Counter(getattr(one, "name", None) or one.subset for one in getattr(policy, what))
        for name, times in seen.items():
            if times > 1:
                raise invalid(what, f"{names.printable(name, 64)!r} is there twice")


def _subsets_are_known(policy: Policy) -> None:
    known = {subset.name for subset in policy.subsets}
    for field, name in _mentions(policy):
        if name not in known:
            raise invalid(field, f"there is no subset {names.printable(name, 64)!r}")


def _mentions(policy: Policy) -> Iterator[tuple[str, str]]:
    yield from ((f"splits[{n}].subset", split.subset) for n, split in enumerate(policy.splits))
    yield from ((f"routes[{n}].subset", route.subset) for n, route in enumerate(policy.routes))
    if policy.fallback == "default_subset" or policy.default_subset:
        yield "default_subset", policy.default_subset


def _splits_weigh_something(policy: Policy) -> None:
    if policy.splits and not any(split.weight for split in policy.splits):
        raise invalid("splits", "at least one needs a weight above 0")


def _texts_are_printable(policy: Policy) -> None:
    for n, subset in enumerate(policy.subsets):
        where = f"subsets[{n}]"
        for field in ("name", "version", "deployment_group"):
            names.text(getattr(subset, field), f"{where}.{field}", limits.LABEL_CHARS)
        for tag in subset.tags:
            names.text(tag, f"{where}.tags", limits.TAG_CHARS)
        for key, value in subset.metadata.items():
            names.text(key, f"{where}.metadata", limits.METADATA_KEY_CHARS)
            names.text(value, f"{where}.metadata", limits.METADATA_VALUE_CHARS)
    for zone in policy.locality.callers:
        names.text(zone, "locality.callers", limits.LABEL_CHARS)


def _pairs_are_in_order(policy: Policy) -> None:
    """(lesser, greater): Envoy refuses these too."""
    balancer, outliers = policy.balancer, policy.outlier_detection
    for field, least, most in (
        ("balancer.maximum_ring_size", balancer.minimum_ring_size, balancer.maximum_ring_size),
        (
            "outlier_detection.max_ejection_time",
            outliers.base_ejection_time,
            outliers.max_ejection_time,
        ),
        (
            "retries.back_off.max_interval",
            policy.retries.back_off.base_interval,
            policy.retries.back_off.max_interval,
        ),
        ("breaker.max_open_time", policy.breaker.open_time, policy.breaker.max_open_time),
    ):
        if most < least:
            raise invalid(field, f"must be at least {least:g}, not {most:g}")


def _the_table_is_prime(policy: Policy) -> None:
    """Every step through a Maglev table must come by every place (Envoy: `Primes::isPrime(table_size)`)."""
    size = policy.balancer.table_size
    if any(size % divisor == 0 for divisor in range(2, int(size**0.5) + 1)):
        raise invalid("balancer.table_size", f"must be a prime, which {size} is not")


def _a_balance_factor_leaves_room(policy: Policy) -> None:
    """Below the average nobody could take what is left over (Envoy: `hash_balance_factor` is at least 100)."""
    if 0 < policy.balancer.hash_balance_factor < 100:
        raise invalid(
            "balancer.hash_balance_factor",
            f"must be 0, or at least 100 (percent), not {policy.balancer.hash_balance_factor}",
        )


_CHECKS: tuple[Callable[[Policy], None], ...] = (
    _names_are_distinct,
    _subsets_are_known,
    _splits_weigh_something,
    _texts_are_printable,
    _pairs_are_in_order,
    _the_table_is_prime,
    _a_balance_factor_leaves_room,
)
"""What no single field can tell, in the order it is told."""
