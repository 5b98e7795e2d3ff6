"""Probes."""

PROBES_IN_FLIGHT = 4_096
"""10,000 checks at 10 s that all run into their 2 s are 2,000 at once. Each holds a descriptor."""
PROBES_IN_FLIGHT_URGENT = 512
"""Places beyond those, for suspicions alone: slow checks cannot keep a crash from being seen."""
PROBES_WAITING = 65_536
"""Probes that wait for a place; all suspicions there can be, and a round of checks."""
PROBE_STARTS_PER_TURN = 32
"""Connections begun in one turn of the loop, about 1 ms of work: a burst of probes must not stall it."""
PROBE_HEAD_BYTES = 16 * 1024
"""An answer's status line and headers; what browsers and proxies accept."""
PROBE_BODY_BYTES = 64 * 1024
"""Of a body, only this much is looked at."""
PROBE_WIRE_BYTES = 256 * 1024
"""All bytes taken from one connection, TLS handshake and HTTP/2 frames included."""
PROBE_ADDRESSES = 4
"""Of the addresses a name has, this many are tried in order, within the one timeout."""
PROBE_RESOLVER_THREADS = 16
"""Name look-ups at once. A hung one occupies its thread for as long as the resolver's own timeout."""
