"""Which instances a name stands for: those that match, less those that callers should not use (design: pickers, DNS and xDS
judge alike). Pure, over the discoverable instances of a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from muster.core.state import Entry
from muster.model import limits
from muster.model.instance import Endpoint

from . import names
from .ask import Selector

UDP = "_udp"


def chosen(entries: Sequence[Entry], where: Selector, panic_threshold: int) -> Sequence[Entry]:
    """Weight 0 means never, unless nobody has another one. Overdue instances are passed over unless that left fewer than the
    panic threshold (percent) of those that match. A preferred zone without anybody left is no reason to answer nothing."""
    matching = [entry for entry in entries if _matches(entry, where)]
    weighted = [entry for entry in matching if entry.record.instance.weight] or matching
    heard = [entry for entry in weighted if not entry.record.facts.overdue]
    if not heard or 100 * len(heard) < panic_threshold * len(weighted):
        heard = weighted
    if where.prefer:
        return [entry for entry in heard if _zone(entry) == where.zone] or heard
    return heard


def _matches(entry: Entry, where: Selector) -> bool:
    instance = entry.record.instance
    return (
        (not where.zone or where.prefer or _zone(entry) == where.zone)
        and (not where.tag or where.tag in _labels(instance.tags))
        and where.version in ("", names.label_of(instance.version))
        and where.group in ("", names.label_of(instance.deployment_group))
        and (not where.port or bool(ports(entry, where)))
    )


def _zone(entry: Entry) -> str:
    return names.label_of(entry.record.instance.zone)


def _labels(tags: Iterable[str]) -> set[str]:
    """A tag is asked for as it is, dots and all, or as a label."""
    return {form for tag in tags for form in (tag.lower(), names.label_of(tag))}


def ports(entry: Entry, where: Selector) -> Sequence[Endpoint]:
    """The endpoints an SRV answer names: those called so, or else those that speak it; where none is asked for, the first."""
    endpoints = entry.record.instance.endpoints
    if not where.port:
        return endpoints[:1]
    fit = [each for each in endpoints if (each.protocol.lower() == "udp") is (where.transport == UDP)]
    named = [each for each in fit if names.label_of(each.name) == where.port]
    return named or [each for each in fit if names.label_of(each.protocol) == where.port]


def weight(entry: Entry) -> int:
    """For SRV. One that warns gets less, but not nothing."""
    given = entry.record.instance.weight
    return max(1, round(given * limits.DEGRADED_WEIGHT)) if given and entry.status == "degraded" else given


def by_label(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Instances by the labels under which one of them is asked for: its id's, and its address's."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        instance = entry.record.instance
        for label in {names.label_of(instance.id), names.dashed(instance.host)}:
            found.setdefault(label, []).append(entry)
    return found
