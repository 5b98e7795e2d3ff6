"""Traffic policy."""

POLICY_BYTES = 64 * 1024
"""A policy document. Every watcher of the service receives it."""
POLICY_SUBSETS = 64
"""Subsets of a service, splits between them, and routes to them: each is one picker in every caller."""
POLICY_COUNT_MAX = 1_000_000
"""Requests, retries, hosts: far above what one process has open."""
POLICY_SECONDS_MAX = 3_600.0
"""The longest time a policy may speak of. Longer is an operator's business."""
POLICY_SECONDS_MIN = 0.001
"""Envoy counts in milliseconds."""
OVERPROVISIONING_MAX = 1_000
"""Percent. At ten times over a level counts as whole while a tenth of it lives."""
RING_SIZE = 1_024
"""Envoy's minimum_ring_size."""
RING_SIZE_MAX = 65_536
"""Entries of a hash ring, unless the policy says otherwise: three for each of 20,000 instances, about 3 MB."""
RING_SIZE_LIMIT = 1_048_576
"""The most a policy may ask for: 50 MB, and seconds to build without the xxhash package."""
MAGLEV_TABLE = 65_537
"""Envoy's table_size: at least 100 entries for each of 650 instances keep their shares within a percent."""
MAGLEV_TABLE_LIMIT = 262_147
"""The most a policy may ask for: a prime; 2 MB, and half a second to build."""
PEAK_EWMA_DECAY_S = 10.0
"""A slow answer is forgotten over this long (Finagle's decayTime, Envoy's decay_time)."""
PEAK_EWMA_DEFAULT_S = 0.03
"""What an endpoint that never answered is taken to need (Linkerd's default RTT, Envoy's default_rtt)."""
DEGRADED_WEIGHT = 0.25
"""An instance that warns gets this share of its weight: enough to see it recover, too little to push it over."""
BREAKER_TRIAL_S = 15.0
"""A trial nobody hears of again is given up after the call's time-out, or this where there is none."""
RECENT_SUCCESS_S = 5.0
"""An own success this fresh outweighs an overdue mark: the registry does not see the instance, we do."""
SLOW_START_STEPS = 20
"""A rising weight is brought up to date this often in its window: no step is larger than a twentieth of it."""
BUILD_SLICE = 500
"""Endpoints judged at a stretch while a picker is built, under half a millisecond; then whoever waits for the interpreter may go on."""
ATTEMPT_MIN_S = 0.01
"""An attempt that is made has at least this long, even if its caller's time ended while it waited for its turn: one that is given no time
at all fails whoever it is sent to, and would be held against him."""
DRAWS = 8
"""Draws for an endpoint that was not tried before, or is not out, before the rest are looked through in order."""
STRIDE_SKEW = 4.0
"""A slot of a stride schedule weighs at most this many means: about as many slots are looked at per pick."""
STRIDE_WEIGHT = 65_535
"""The largest weight of a stride schedule (gRFC A58): 16 bits keep a thousandth of the largest within 2 %."""
