"""The variables that `muster` reads, other than those of a registry's settings.

None of them is called MUSTER_PORT or MUSTER_SERVICE_HOST: Kubernetes sets these in every pod beside a Service called `muster`.
"""

from __future__ import annotations

from typing import Final

VARIABLES: Final[dict[str, str]] = {
    "MUSTER_URL": "registries to talk to, separated by commas",
    "MUSTER_NAMESPACE": "the namespace that is meant",
    "MUSTER_TOKEN_FILE": "file that holds the token for writing",
    "MUSTER_TOKEN": "the token itself, where a file cannot be had",
    "MUSTER_OWNER_SECRET_FILE": "file that holds the owner secret of an instance",
    "MUSTER_CA_FILE": "certificates to trust instead of the system's, for https registries",
    "MUSTER_OUTPUT": "table, json or yaml",
    "MUSTER_CONFIG": "TOML file of a registry's settings",
    "MUSTER_SERVICE": "run, register: the service's name (or OTEL_SERVICE_NAME)",
    "MUSTER_INSTANCE_ID": "run, register: the instance's id",
    "MUSTER_HOST": "run, register: the address callers reach it at (or POD_IP)",
    "MUSTER_ZONE": "run, register, resolve: the own zone",
    "MUSTER_REGION": "run, register: the region",
    "MUSTER_VERSION": "run, register: version of the program",
    "MUSTER_GROUP": "run, register: deployment group",
    "PORT": "run, register: the port; run also sets it for its program",
    "MUSTER_REGISTER": "whether a server registers itself: 1 or 0; run sets 0 for its program",
    "NO_COLOR": "set to anything: no colours",
}
"""variable -> what it says."""
