"""Which instances of a service a reader asked for. Equal filters are equal keys: every body is encoded once per filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from muster.model import limits, names
from muster.model.errors import Rejected, invalid
from muster.model.instance import Instance
from muster.model.record import DISCOVERABLE, STATUSES, Status

KNOWN_STATUSES = tuple(dict.fromkeys(status for status, *_ in STATUSES))
PARAMETERS = ("zone", "region", "version", "subset", "tag", "status", "all")


class Filter(Struct, frozen=True, gc=False):
    """Empty fields ask for nothing. `subset` is a deployment group; `tags` must all be there; no `statuses` means the discoverable."""

    zone: str = ""
    region: str = ""
    version: str = ""
    subset: str = ""
    tags: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()

    def admits(self, instance: Instance, status: Status) -> bool:
        return (
            (status in self.statuses if self.statuses else status in DISCOVERABLE)
            and self.zone in ("", instance.zone)
            and self.region in ("", instance.region)
            and self.version in ("", instance.version)
            and self.subset in ("", instance.deployment_group)
            and (not self.tags or set(self.tags) <= set(instance.tags))
        )

    @property
    def key(self) -> str:
        """Short, stable text of the filter, for an ETag. Empty for the plain filter."""
        return "" if self == DEFAULT else f"{hash_text(repr(self)):x}"


def hash_text(text: str) -> int:
    """FNV-1a, 32 bit: the same in every process, unlike `hash`."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


DEFAULT = Filter()
ALL = Filter(statuses=KNOWN_STATUSES)


def parse(query: Mapping[str, Sequence[str]]) -> Filter:
    """The filter of a parsed query string. Raises `Rejected` naming the parameter."""
    if not any(name in query for name in PARAMETERS):
        return DEFAULT
    return Filter(
        zone=_one(query, "zone"),
        region=_one(query, "region"),
        version=_one(query, "version"),
        subset=_one(query, "subset"),
        tags=_tags(query.get("tag", ())),
        statuses=_statuses(query),
    )


def _one(query: Mapping[str, Sequence[str]], name: str) -> str:
    values = query.get(name, ())
    if len(values) > 1:
        raise invalid(name, "may be given once")
    return names.text(values[0], name, limits.LABEL_CHARS) if values else ""


def _tags(values: Sequence[str]) -> tuple[str, ...]:
    if len(values) > limits.TAGS:
        raise invalid("tag", f"may be given {limits.TAGS} times")
    return tuple(sorted({names.text(value, "tag", limits.TAG_CHARS) for value in values}))


def _statuses(query: Mapping[str, Sequence[str]]) -> tuple[Status, ...]:
    asked = set(query.get("status", ()))
    if unknown := asked.difference(KNOWN_STATUSES):
        raise invalid(
            "status", f"{names.printable(min(unknown), 40)!r} is not one of {', '.join(KNOWN_STATUSES)}"
        )
    if asked:
        return tuple(status for status in KNOWN_STATUSES if status in asked)
    return KNOWN_STATUSES if flag(query, "all") else ()


def flag(query: Mapping[str, Sequence[str]], name: str) -> bool:
    """A yes-or-no parameter: bare, `1`, `true`, or `0`, `false`."""
    match list(query.get(name, ("0",))):
        case ["" | "1" | "true"]:
            return True
        case ["0" | "false"]:
            return False
    raise Rejected("invalid_request", "must be 1 or 0", field=name)
