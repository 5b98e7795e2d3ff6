"""What a registry tells of an instance, held against the rules that every registry of ours registers by.

A record that breaks them comes from a bug, or from somebody who is no registry. It must neither be called nor keep callers from
the others: it is passed over, as if it were not listed. A weight that cannot be says nothing against an address: it is bounded.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace

from muster.model import limits
from muster.wire.view import InstanceView

PORTS: Final = range(65_536)
"""0: registered without a port, as Consul allows. It is listed, and never picked."""
_HOST = re.compile(r"[0-9A-Za-z._:-]+")
"""An address or a name, and nothing that ends one in a URL or a header. The rest of the rules are dear, and harmless to break."""


def wrong(instance: InstanceView, service: str) -> str:
    """Why this cannot be an instance of `service`, or ""."""
    if instance.service != service:
        return f"is of {instance.service!r}"
    if not _HOST.fullmatch(instance.host):
        return f"host {instance.host[:40]!r} is none"
    if instance.port not in PORTS or any(named.port not in PORTS for named in instance.endpoints):
        return "has a port that is none"
    return ""


def bounded(instance: InstanceView) -> InstanceView:
    """With a weight that a picker can take: nothing for less than that."""
    if 0 <= instance.weight <= limits.WEIGHT_MAX:
        return instance
    return replace(instance, weight=min(max(instance.weight, 0), limits.WEIGHT_MAX))
