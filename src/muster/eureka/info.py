"""An instance in Eureka's words: every field of its `InstanceInfo`, whichever form it travels in.

Source: Netflix/eureka, `com.netflix.appinfo.InstanceInfo`, `LeaseInfo` and `DataCenterInfo`, with their defaults.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from muster.model import limits

STATUSES: Final = ("UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN")
MY_OWN: Final = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
AMAZON: Final = "com.netflix.appinfo.AmazonInfo"


class Port(Struct, frozen=True):
    number: int
    enabled: bool


class Lease(Struct, frozen=True, omit_defaults=True):
    """Seconds, and wall-clock milliseconds."""

    renewal: int = limits.EUREKA_RENEWAL_S
    duration: int = limits.EUREKA_LEASE_S
    registered: int = 0
    renewed: int = 0
    evicted: int = 0
    up: int = 0


class DataCenter(Struct, frozen=True, omit_defaults=True):
    """`kind` is the Java class that a client makes of it."""

    name: str = "MyOwn"
    kind: str = MY_OWN
    metadata: dict[str, str] = {}


class InstanceInfo(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`app` is in upper case. Timestamps are wall-clock milliseconds; `last_dirty` is the instance's own, of its last change."""

    instance_id: str
    app: str
    host_name: str
    ip_addr: str
    status: str = "UP"
    overridden_status: str = "UNKNOWN"
    port: Port = Port(7001, True)
    secure_port: Port = Port(7002, False)
    country_id: int = 1
    data_center: DataCenter = DataCenter()
    lease: Lease = Lease()
    metadata: dict[str, str] = {}
    app_group: str = ""
    asg: str = ""
    home_page: str = ""
    status_page: str = ""
    health_check: str = ""
    secure_health_check: str = ""
    vip: str = ""
    secure_vip: str = ""
    coordinating: bool = False
    last_updated: int = 0
    last_dirty: int = 0
    action: str = "ADDED"

    def __repr__(self) -> str:
        return f"<InstanceInfo {self.app}/{self.instance_id} {self.status}>"
