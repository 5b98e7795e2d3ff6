"""Consul's HTTP API: what its clients may ask for, and Consul's own bounds where a client can notice them."""

CONSUL_WAIT_S = 300.0
"""A blocking query waits so long if it does not say (Consul's `default_query_time`)."""
CONSUL_WAIT_MAX_S = 600.0
"""And so long at most (`max_query_time`)."""
CONSUL_WAIT_JITTER = 16
"""Up to a 16th is added to each wait, so that queries that began together do not end together (Consul's `jitterFraction`)."""
CONSUL_CHECK_INTERVAL_MIN_S = 1.0
"""A shorter interval is raised to this (`checks.MinInterval`)."""
CONSUL_CHECK_TIMEOUT_S = 10.0
"""Of a check that names none."""
CONSUL_CRITICAL_MIN_S = 60.0
"""A shorter `DeregisterCriticalServiceAfter` is raised to this."""
CONSUL_META_KEY_CHARS = 128
CONSUL_META_VALUE_CHARS = 512
CONSUL_META_PAIRS = 64
"""Consul's own bounds of metadata; ours are no lower."""
CONSUL_DETAILS_BYTES = 8 * 1024
"""What a registration says that has no native word (tagged addresses, proxy ...), kept with the instance as JSON."""
CONSUL_VIEWS = 4_096
"""Services whose encoded instances are kept; the one that was asked for longest ago is made again when it is asked for."""
CONSUL_BODIES_PER_VIEW = 64
"""Filtered bodies kept for each of them."""
CONSUL_BODIES_BYTES = 64 * 1024 * 1024
"""Of all of them together: each may be as large as the service, and there is a filter for everybody."""
CONSUL_ENCODED_PER_TURN = 200
"""Instances encoded in one turn of the loop, where a query asks for the checks of all: 10 ms."""
CONSUL_GONE = 50_000
"""Services and nodes that are gone, whose last index is remembered; older ones share one."""
AGENT_CONNECTIONS = 4_096
"""Connections that `muster agent` passes on at once; each is two descriptors."""
FILTER_CHARS = 4_096
"""A filter expression: half of the longest URL."""
FILTER_DEPTH = 32
"""Parentheses and `not`s inside one another, in an expression and in a pattern."""
FILTER_PATTERN_CHARS = 256
FILTER_PATTERN_STATES = 2_000
"""Of a pattern with its repetitions written out: each is looked at for each character of a text, at worst."""
FILTER_PLACES_KEPT = 8_192
"""Of a pattern, in the sets of places that it remembers, and one for each step between them: half a megabyte. Beyond that it
begins anew."""
FILTER_WORK = 2_000_000
FILTER_WORK_EACH = 300
"""What a filter may cost an answer, and in addition for each instance that it looks at, in characters that a pattern looks up (0.06 us):
a tenth of a second, in which the registry does nothing else, and seven comparisons for each instance however many there are."""
FILTERS_KEPT = 256
"""Compiled filters; a client that polls asks with the same one each time."""
