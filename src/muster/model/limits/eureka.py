"""Eureka's REST API: what its clients may send, and how long they find what changed."""

EUREKA_DETAILS_BYTES = 8 * 1024
"""What a registration says that has no native word (URLs, virtual addresses, data centre ...), kept with the instance as JSON."""
EUREKA_TEXT_CHARS = 2_048
"""One field, such as a URL. What has a native word has its native bound besides."""
EUREKA_XML_DEPTH = 8
"""Elements inside one another: an instance's deepest are `instance/dataCenterInfo/metadata/key`."""
EUREKA_XML_ELEMENTS = 1_000
"""Of a registration: all its fields, and ten times the metadata an instance may have."""
EUREKA_LEASE_S = 90
EUREKA_RENEWAL_S = 30
"""Of a registration that names none (Eureka's `LeaseInfo`)."""
EUREKA_DELTA_S = 180.0
"""A change stays in `/apps/delta` for so long (Eureka's `retentionTimeInMSInDeltaQueue`): clients ask every 30 s."""
EUREKA_DELTA_CHANGES = 1_000
"""Instances in `/apps/delta`; of more, the oldest are left out, and clients see by the hash that they need the whole, which is kept
encoded and costs less than a long delta."""
EUREKA_ENCODED_PER_TURN = 100
"""Instances encoded in one turn of the loop, when somebody asks for everything for the first time: a few milliseconds."""
EUREKA_GZIP_BYTES = 1_024
"""An answer shorter than this is sent as it is."""
