"""Every bound and default of Muster, with its unit and its reason, in one place.
A number that limits something lives here and nowhere else; a name says what it bounds and ends in its unit unless it is a count.
Operators can change only what `muster config` lists; the rest is a promise to every client.
"""

from __future__ import annotations

# --- Names and content of an instance ------------------------------------------------------------------------------

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

# --- Leases ---------------------------------------------------------------------------------------------------------

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

# --- Checks ---------------------------------------------------------------------------------------------------------

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

# --- Probes ---------------------------------------------------------------------------------------------------------

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

# --- Suspicion ------------------------------------------------------------------------------------------------------

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

# --- Guard ----------------------------------------------------------------------------------------------------------

GUARD_RATIO = 0.15
"""The seeds' 85 %: more than this share of a zone's leases silent means that we are blind, not that they are dead."""
GUARD_MINIMUM = 2
"""Fewer silent instances than this prove nothing about a zone."""
GUARD_CLEAR_S = 90.0
"""A hold ends when its condition has been false for this long, or this long after it began if some of the zone is seen."""
ZONES = 1_000
"""Zones tracked one by one; instances of further ones share one."""
FIREWALL_SHARE = 0.5
"""More than this share of a zone refused while most of the refused go on renewing: a firewall lies, refusals prove nothing."""
FIREWALL_SAMPLE = 500
"""Of the refused, so many are looked at for renewals: enough to tell most from few, little enough for every second."""

# --- Feed, snapshots, watches ---------------------------------------------------------------------------------------

FEED_CHANGES = 16_384
"""Changes kept for watchers that are behind; further back means a fresh snapshot."""
FOLD_S = 0.005
"""After a service's first change goes out, those within this time go out together."""
SNAPSHOT_PAGE = 500
"""Instances in one `snapshot` event."""
VIEWS_PER_SNAPSHOT = 64
"""Filtered bodies kept per snapshot; a further filter evicts the oldest."""
MADE_PER_VIEW = 64
"""Bodies and frames kept per view: each reader that resumes from another revision has a frame of its own made."""
WATCH_SERVICES = 256
"""Services one watch stream may name."""
WATCHERS = 50_000
WATCH_SESSIONS = 64
"""Instances whose session one stream may carry."""
ALIVE_S = 2.0
"""A stream says so this often; a reader takes 5 s of silence for a broken one."""
STREAM_SILENCE_S = 5.0
STREAM_STALLED_S = 15.0
"""A reader that takes nothing for this long is cut off."""
STREAMS_CLOSED_PER_TURN = 32
"""Lost streams dealt with in one turn of the loop, with the sessions each carries: a few milliseconds."""
STREAM_BUFFER_BYTES = 256 * 1024
"""What may wait in a stream's socket buffer before the watcher is left behind (it catches up from its cursor)."""
BLOCKING_READS = 50_000
POLLERS = 50_000
"""Readers by polling that a drain waits for, over all services."""
WAIT_MAX_S = 600.0
WAIT_DEFAULT_S = 30.0
DRAIN_WAIT_S = 5.0
DRAIN_WAIT_MAX_S = 60.0
POLLER_GRACE_S = 5.0
"""A reader by polling counts as a subscriber until its last answer's wait plus this."""
UNACKNOWLEDGED_LISTED = 100
"""Subscribers named in a drain's answer; their number is always exact."""

# --- Writes ---------------------------------------------------------------------------------------------------------

BATCH_WRITES = 100
"""Writes of one transaction: etcd refuses more than 128 operations, guards included."""
BATCH_BYTES = 1_000_000
"""etcd refuses requests above 1.5 MiB."""
DECISIONS_PER_TURN = 500
"""Commands decided in one turn of the loop: most of a mass event's may turn out to be over already, and write nothing."""
COMMANDS_WAITING = 10_000
"""Commands in the writer's queue; a further one is told to retry."""

# --- Storage --------------------------------------------------------------------------------------------------------

STORE_QUEUE_BATCHES = 256
"""Batches that wait for the writer thread, which takes all of them in one turn. More means the disk stands still."""
STORE_BATCH_BYTES = 16 * BATCH_BYTES
"""No caller sends this much; it bounds what the queue holds."""
STORE_HISTORY_BYTES = 8 * 1024 * 1024
"""Recent transactions kept in memory for tails that are behind: about 10,000 registrations."""
STORE_ENTRY_BYTES = 200
"""What an entry of a transaction costs in memory beside its key and value."""
STORE_WAL_BYTES = 64 * 1024 * 1024
"""A write-ahead log that a burst has blown up is cut back to this."""
STORE_COURTESY_S = 0.001
"""How often the event loop looks whether it keeps the writer's thread from running."""
STORE_COURTESY_SLEEP_S = 0.000_05
"""How long it then sleeps: about the time a thread needs to wake up and take the interpreter's lock."""
STORE_COURTESY_MAX_S = 0.002
"""It sleeps on while the writer computes, up to this: a stall nobody notices."""
BACKUP_STEP_PAGES = 128
"""Pages of 4 KiB copied between two looks at the waiting commits: about a millisecond."""

# --- HTTP -----------------------------------------------------------------------------------------------------------

BODY_BYTES = 64 * 1024
BATCH_BODY_BYTES = 4 * 1024 * 1024
HEARTBEATS_PER_BATCH = 20_000
HEAD_BYTES = 16 * 1024
HEADERS = 64
URL_BYTES = 8 * 1024
QUERY_FIELDS = 512
"""Twice what a watch of the most services needs."""
REQUEST_TIMEOUT_S = 10.0
"""From a request's first byte to its last."""
IDLE_TIMEOUT_S = 75.0
SWEEP_TICKS = 5
"""All connections are looked at for these two within so many seconds; 10,000 at once would stand the loop still for 15 ms."""
SWEEP_AT_LEAST = 200
"""So few are looked at every second."""
CONNECTIONS = 60_000
DESCRIPTORS = 1_048_576
"""Descriptors a registry asks for: Linux' own ceiling for a process (fs.nr_open)."""
DESCRIPTORS_RESERVED = 8_192
"""Of those, kept from connections: for all probes at once, the database, and files."""
SHUTDOWN_S = 10.0
"""A graceful stop ends by force after this."""
MEMO_REQUESTS = 4_096
"""Exact request heads whose answer is known without parsing; and as many blocks of header lines."""
MEMO_HEAD_BYTES = 2 * 1024
MEMO_ANSWER_BYTES = 16 * 1024
"""Of one of those: a head that carries a fresh trace id is never seen again, and 4,096 of them must not keep 4,096 large answers."""
STOP_REQUESTS_SHARE = 0.8
"""Share of a stop's limit that requests under way may take; the rest is the store's."""

# --- Metrics --------------------------------------------------------------------------------------------------------

HISTORY_LINES = 10_000
"""Changes kept for `/v1/history`: hours of an ordinary day, a minute of a bad one; about 3 MB."""
HISTORY_PAGE = 100
HISTORY_PAGE_MAX = 1_000
METRIC_SERVICES = 1_000
"""Services with a series of their own in /metrics; the rest are summed under `(other)`."""

# --- Logs -----------------------------------------------------------------------------------------------------------

LOG_VALUE_CHARS = 2_048
"""One value of a log line; longer text came from outside and is cut."""

# --- Library --------------------------------------------------------------------------------------------------------

CLIENT_CONNECT_S = 2.0
"""One registry's time to accept a connection and shake hands; then another one is tried."""
CLIENT_REQUEST_S = 5.0
"""One request's time to its answer, at one registry."""
CLIENT_ACK_S = 1.0
"""An acknowledgement's time: it is sent between two reads of the stream, which must not wait long."""
CLIENT_EVENT_S = 30.0
"""A stream that sends bytes but completes no event for this long is broken: a large page on a slow link takes a few seconds."""
CLIENT_RETRY_FIRST_S = 0.4
"""A lost stream is opened elsewhere within this, spread so that a dying registry's watchers do not arrive at once."""
CLIENT_RETRY_MAX_S = 5.0
"""Between attempts when no registry answers: how long its return may go unnoticed."""
CLIENT_STEADY_S = 10.0
"""A stream that held this long proves its registry good: the next loss starts counting anew."""
CLIENT_REFRESH_S = 300.0
"""Everything is fetched anew this often, give or take a fifth: what no digest sees is found."""
CLIENT_BEHIND_S = 30.0
"""A registry that stays behind what a mirror has seen, for this long, is taken at its word: its history was put back by hand."""
CLIENT_HEARTBEAT_RETRY_S = 1.0
"""A failed heartbeat is sent again after this at most: a lease outlives two lost ones, not two lost intervals of retrying."""
CLIENT_SAVE_S = 5.0
"""A churning service's mirror is written to disk this often."""
CLIENT_DISK_BYTES = 64 * 1024 * 1024
"""One service's file; 20,000 instances take about 8 MB."""
CLIENT_TEMPORARY_S = 60.0
"""A temporary file this old was left behind by a process that died."""
CLIENT_ANSWER_BYTES = 64 * 1024 * 1024
"""The longest answer the library reads: a list of the largest service."""
CLIENT_BUILD_SHARE = 0.05
"""The part of a core that making one service's pickers may take: building one for 10,000 endpoints takes 12 ms, and a service of
that size changes all the time."""
CLIENT_BUILD_QUICK_S = 0.001
"""A picker that takes no longer is made at every change: up to some 500 endpoints."""
CLIENT_BUILD_LATE_S = 1.0
"""How late a picker may be for that. Whoever has left is passed over meanwhile."""
CLIENT_PORTS = 16
"""Ports of one service that pickers are kept for, by name; more are served, and cost a build for every pick."""
CLIENT_URLS = 1_024
"""URLs of instances that a transport remembers, about 1 KB each: making one takes 20 us, and programs ask for the same ones."""
CLIENT_REPORT_AGAIN_S = 2.0
"""Nobody is reported twice within this: a suspicion is decided in less, and the registry takes one in so long."""
CLIENT_REPORTS = 20
"""Reports within that time: what the registry takes from one address."""
CLIENT_CLOSE_S = 3.0
"""`close()` waits this long for the thread: longer than one attempt to connect."""
PANIC_THRESHOLD = 0.5
"""Overdue instances are passed over unless less than this share would be left (Envoy's healthy panic threshold, 50 %)."""

# --- Traffic policy -------------------------------------------------------------------------------------------------

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
DRAWS = 8
"""Draws for an endpoint that was not tried before, or is not out, before the rest are looked through in order."""
STRIDE_SKEW = 4.0
"""A slot of a stride schedule weighs at most this many means: about as many slots are looked at per pick."""
STRIDE_WEIGHT = 65_535
"""The largest weight of a stride schedule (gRFC A58): 16 bits keep a thousandth of the largest within 2 %."""

# --- Command line ---------------------------------------------------------------------------------------------------

RUN_LIMIT_S = 20.0
"""`muster run` hands the signal to stop on after this at the latest. Kubernetes kills after 30 s: ten are left to the program."""

# --- Trust ----------------------------------------------------------------------------------------------------------

TOKENS = 256
"""Write tokens in a file; each change compares with all of them."""
TOKEN_MIN_CHARS = 16
"""A token shorter than this can be guessed."""
FILES_CHECKED_S = 2.0
"""Certificates and token files are looked at this often."""
JOURNAL_LOOKS_S = 1.0
"""Trouble is looked for this often, to be written to the log when it begins and when it ends: flickering, it is one line a second."""
