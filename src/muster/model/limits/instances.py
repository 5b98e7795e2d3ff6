"""Names and content of an instance."""

NAME_CHARS = 128
"""Service and namespace names. Longer than a DNS label (63) because Consul and Eureka names are; DNS answers only for those that fit."""
ID_CHARS = 256
"""Instance ids: pod name + service + port fit several times over."""
HOST_CHARS = 253
"""RFC 1035 section 2.3.4: a name is at most 255 octets on the wire, 253 as text."""
LABEL_CHARS = 128
"""Zone, region, version, deployment group, endpoint and check names: what a person types."""
INCARNATION_CHARS = 64
"""A UUID with room."""
ENDPOINTS = 16
"""Ports of one process. More is a sign of a port range, which is not what an instance is."""
TAGS = 64
TAG_CHARS = 255
METADATA_PAIRS = 64
METADATA_KEY_CHARS = 128
METADATA_VALUE_CHARS = 512
"""Consul's limits (64 pairs, 128, 512), so that whatever fits there fits here."""
METADATA_BYTES = 16 * 1024
"""All keys and values of one instance: every watcher of the service receives them."""
CHECKS = 8
"""Checks of one instance; each costs a probe per interval."""
CHECK_PATH_CHARS = 1024
CHECK_BODY_CHARS = 256
CHECK_HEADERS = 16
CHECK_HEADER_CHARS = 256
CHECK_STATUS_RANGES = 8
CHECK_OUTPUT_CHARS = 512
"""What a check said, kept for people."""
WEIGHT_DEFAULT = 100
WEIGHT_MAX = 65_535
"""RFC 2782: an SRV weight is 16 bits."""
OWNER_SECRET_MIN_CHARS = 16
OWNER_SECRET_MAX_CHARS = 256
SUPERSEDED_KEPT = 8
"""Earlier incarnations an id remembers, to refuse a late registration of one of them."""

INSTANCES_PER_SERVICE = 20_000
"""Twice the largest service a figure is promised for; a snapshot of it is about 8 MB."""
INSTANCES = 200_000
"""Twice the size the memory figure is promised for."""
SERVICES = 50_000
SHARED_PARTS = 2 * INSTANCES
"""Names, terms and metadata that records share in memory. Where all were different, that would be a dozen for each instance."""
