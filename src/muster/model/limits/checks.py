"""Checks."""

CHECK_INTERVAL_S = 10.0
CHECK_INTERVAL_MIN_S = 0.5
CHECK_INTERVAL_MAX_S = 3_600.0
CHECK_TIMEOUT_S = 2.0
CHECK_TIMEOUT_MAX_S = 60.0
CHECK_FALL = 3
CHECK_RISE = 2
CHECK_THRESHOLD_MAX = 20
FIRST_PROBE_JITTER_S = 0.25
"""The first probe is at once, but a mass registration is spread over this much."""
FLAP_PENALTY = 1_000.0
FLAP_SUPPRESS = 4_000.0
FLAP_REUSE = 1_000.0
FLAP_HALF_LIFE_S = 60.0
FLAP_PENALTY_MAX = 8_000.0
"""RFC 2439 section 4.2: penalty, cut-off, reuse, decay and ceiling; scaled from routes (15 min) to instances (1 min).
The ceiling is three half-lives above reuse: nobody is kept out longer than three minutes after it calmed down."""
