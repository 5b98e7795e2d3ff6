"""Suspicion."""

SUSPICION_PROBES = 3
"""Unanswered probes that make a verdict."""
SUSPICION_PROBE_TIMEOUT_S = 0.5
"""Three of them, and the call that raised the suspicion, fit into the promised 3 s."""
DYING_PROBE_S = 0.02
"""An instance that lost its session and still answers is asked again this soon, then after twice the time each."""
DYING_S = 2.0
"""For this long: freeing the memory of a killed process, during which its socket goes on listening, takes 0.1 s to 1 s a GB."""
RECOVERY_PROBE_MIN_S = 1.0
RECOVERY_PROBE_MAX_S = 10.0
REACH_PROBE_TIMEOUT_S = 2.0
REACH_PROBES_PER_S = 500.0
REACH_PROBES_BURST = 500.0
"""First probes of instances, which tell whether the registry can reach them at all; more wait their turn."""
REACH_PROBES_AT_ONCE = 25
"""Of many that wait, so many go together."""
SIGHT_S = 1.0
"""How fresh a sign of life of somebody else must be to prove that we see: older, we may have gone blind since."""
REACH_RETRY_S = 10.0
REACH_RETRY_MAX_S = 600.0
"""Who did not answer its first probe is asked again after this, then twice this, and so on: it may not have listened yet."""
WITNESSES = 3
"""Instances of a zone that are asked whether anybody there is seen: one may have died, three at once is the guard's business."""
WITNESS_PAUSE_S = 0.25
"""Between two times of asking them."""
DOUBT_MAX_S = 90.0
"""Where nobody else is heard, a silence that is overdue counts for nothing for this long. By then every lease of an ordinary
interval is overdue and the guard has the say; a zone of slow heartbeats cannot keep a corpse for ever."""
SUSPICIONS = 50_000
"""Open suspicions in all; further ones are refused, leases still stand."""
SUSPICION_PROBES_PER_S = 5_000.0
SUSPICION_PROBES_BURST = 5_000.0
"""Confirming probes started in all; more wait their turn."""
REPORTS_PER_SOURCE_PER_S = 10.0
REPORTS_PER_SOURCE_BURST = 50.0
"""Suspicion reports taken from one source address."""
REPORTS_PER_INSTANCE_PER_S = 0.5
REPORTS_PER_INSTANCE_BURST = 3.0
"""Suspicions opened on one instance by reports, from however many callers."""
REPORT_SOURCES = 10_000
"""Source addresses whose budget is remembered; the least recent is forgotten first."""
