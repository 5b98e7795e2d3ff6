"""Leases."""

LEASE_TTL_S = 30.0
LEASE_TTL_MIN_S = 2.0
LEASE_TTL_MAX_S = 3_600.0
HEARTBEATS_PER_TTL = 3
"""A lease survives two lost heartbeats."""
OVERDUE_INTERVALS = 1.5
"""A lease is overdue after this many of its own heartbeat intervals."""
OVERDUE_PROBE_S = 5.0
"""An overdue instance is probed this often: an answer counts as sight, a refusal as proof."""
SIGHT_PROBES_PER_S = 500.0
"""Probes of overdue instances in all: enough to see a zone again soon, little enough for one that holds 100,000."""
SETTLE_MAX_S = 90.0
"""A registry is settled after the longest lease it has seen since its epoch began, at most this."""
EXPIRED_RETENTION_S = 24 * 3_600.0
"""How long an expired record is kept so that a heartbeat can revive it and a person can ask what happened."""
CLOCK_JUMP_S = 1.0
"""A gap this long between the registry's own ticks means that it was paused: deadlines shift by the gap."""
DUE_PER_TICK = 500
"""Deadlines handled in one turn of the loop; the rest follow in the next, so that no mass event stalls it."""
