"""Which key of the store holds what.

    i/<namespace>/<id>          an instance's record
    p/<namespace>/<service>     a service's traffic policy

What else is kept there belongs to replicas alone: it says who they are, and is of no use to another store.
"""

from __future__ import annotations

from typing import Final

INSTANCES: Final = "i/"
POLICIES: Final = "p/"
