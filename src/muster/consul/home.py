"""The registry as Consul sees it: a server on a node of its own, with one service, `consul`."""

from __future__ import annotations

from muster.core.state import Entry, entry_of
from muster.model.instance import Endpoint, Instance
from muster.model.record import Facts, Record

from . import details
from .agent_reads import RAFT_PORT
from .catalog import OWN_SERVICE
from .details import Details
from .names import Home, native_id


def own_service(home: Home) -> Entry:
    """What every Consul has: the service of its servers. No record tells of it."""
    said = Details(home.node, home.address, OWN_SERVICE, OWN_SERVICE)
    instance = Instance(
        namespace="default",
        service=OWN_SERVICE,
        id=native_id(home.node, OWN_SERVICE),
        host=home.address,
        endpoints=(Endpoint("default", RAFT_PORT, "tcp"),),
        lease=None,
        origin=details.origin(said),
    )
    return entry_of(Record(instance, "", Facts(), 0, 0, generation=1), 1)
