"""`reference/policy.md`: every field of a traffic policy with its default and its bounds, read from the types that check it."""

import math
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec import inspect as types

from muster.model import durations
from muster.model.policy import DEFAULT, Policy
from muster.wire import policy as wire

from .markdown import code, head, table

INTRODUCTION = """\
One document per service says how its callers choose an instance and what they do about failures. All of it is optional: a service
without a document is called as the defaults below say. Names, units and meaning are Envoy's; where a default is not, the reason stands
with it.

```yaml
balancer: p2c                    # or {name: maglev, table_size: 1009}
locality: {mode: zone_aware, callers: {zone-a: 3, zone-b: 1}}
subsets:
  - {name: stable, version: "1.4"}
  - {name: canary, version: "1.5"}
splits:
  - {subset: stable, weight: 95}
  - {subset: canary, weight: 5}
routes:
  - {header: x-canary, value: always, subset: canary}
timeouts: {request: 5s}
retries: {num_retries: 1, per_try_timeout: 2s}
outlier_detection: {consecutive_5xx: 3, max_ejection_percent: 30}
```

Durations are seconds or texts such as `250ms`, `30s`, `5m`. An unknown field, a value out of bounds or of the wrong kind is refused
with the field's name, and nothing of the document is kept.
"""


def page() -> str:
    told = wire.document(DEFAULT, full=True)
    parts = [head("Traffic policy", "`muster.model.policy`"), INTRODUCTION]
    for name, kind in sections():
        values = told.get(name) or nested(told, name)
        defaults = told if kind is Policy else values if isinstance(values, dict) else {}
        parts.append(f"## {title(name, kind)}\n\n```text\n{cleandoc(kind.__doc__ or '')}\n```\n")
        parts.append(table(("field", "kind", "default"), rows(kind, defaults)))
    return "\n".join(parts)


def nested(told: dict[str, Any], name: str) -> object:
    """`retries.back_off` in what the full document says."""
    value: object = told
    for word in name.split("."):
        value = value.get(word) if isinstance(value, dict) else None
    return value


def title(name: str, kind: type[Struct]) -> str:
    return "The document" if kind is Policy else code(name)


def sections() -> Iterator[tuple[str, type[Struct]]]:
    """The document itself, then each of its parts, with the parts of those beneath it."""
    yield "", Policy
    yield from parts_of(Policy, "")


def parts_of(kind: type[Struct], where: str) -> Iterator[tuple[str, type[Struct]]]:
    for field in struct(kind).fields:
        inner = bare(field.type)
        if isinstance(inner, types.VarTupleType):
            inner = bare(inner.item_type)
        if isinstance(inner, types.StructType):
            name = f"{where}.{field.name}" if where else field.name
            yield name, cast(type[Struct], inner.cls)
            yield from parts_of(cast(type[Struct], inner.cls), name)


def rows(kind: type[Struct], defaults: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for field in struct(kind).fields:
        default = defaults.get(field.name)
        shown = "its own defaults" if isinstance(default, dict) and default else text(default)
        yield code(field.name), describe(field.type), "required" if field.required else shown


def text(default: object) -> str:
    if default is None:
        return ""
    return code(default if isinstance(default, str) else msgspec.json.encode(default).decode())


def describe(kind: types.Type) -> str:
    """In words: `integer, 1 to 10`, `duration, 1ms to 1h`, `one of a, b`."""
    extra = kind.extra if isinstance(kind, types.Metadata) else None
    inner = bare(kind)
    match inner:
        case types.IntType() | types.FloatType():
            if extra:
                return f"duration, {durations.show(inner.ge or 0)} to {durations.show(inner.le or math.inf)}"
            return ("integer" if isinstance(inner, types.IntType) else "number") + bounds(inner)
        case types.LiteralType():
            return f"one of {', '.join(code(str(value)) for value in inner.values)}"
        case types.VarTupleType():
            items = (
                ""
                if isinstance(bare(inner.item_type), types.StructType)
                else f" of {describe(inner.item_type)}"
            )
            return f"list{items}{at_most(inner.max_length)}"
        case types.DictType():
            return f"{describe(inner.key_type)} -> {describe(inner.value_type)}{at_most(inner.max_length)}"
        case types.StructType():
            return "see below"
        case types.StrType():
            return f"text{at_most(inner.max_length)}"
        case types.BoolType():
            return "true or false"
    raise TypeError(f"no words for {inner}")


def bounds(kind: types.IntType | types.FloatType) -> str:
    low = f"above {kind.gt:g}" if kind.gt is not None else "" if kind.ge is None else f"{kind.ge:g}"
    high = "" if kind.le is None else f"{kind.le:,g}" if kind.le < 1e6 else f"{int(kind.le):,}"
    return f", {low} to {high}" if low and high else ""


def at_most(length: int | None) -> str:
    return "" if length is None else f", at most {length}"


def bare(kind: types.Type) -> types.Type:
    return kind.type if isinstance(kind, types.Metadata) else kind


def struct(kind: type[Struct]) -> types.StructType:
    told = types.type_info(kind)
    assert isinstance(told, types.StructType)
    return told
