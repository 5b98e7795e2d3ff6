"""HTTP."""

BODY_BYTES = 64 * 1024
BATCH_BODY_BYTES = 4 * 1024 * 1024
SMALL_BODY_BYTES = 4 * 1024
"""Of a request that says one thing, such as a suspicion: room for whatever a client sends along."""
NO_BODY_BYTES = 1024
"""Where a body says nothing; some clients send one all the same."""
HEARTBEATS_PER_BATCH = 20_000
HEAD_BYTES = 16 * 1024
HEADERS = 64
URL_BYTES = 8 * 1024
QUERY_FIELDS = 512
"""Twice what a watch of the most services needs."""
PIPELINED_REQUESTS = 512
"""Of one connection, waiting for their turn. One takes about 30 KiB, and a single read brings thousands."""
REQUEST_TIMEOUT_S = 10.0
"""From a request's first byte to its last."""
IDLE_TIMEOUT_S = 75.0
NUMBER_DIGITS = 19
"""Of a revision or a generation in a query or a header: 64 bits, signed."""
HOSTS_JUDGED = 1_024
"""Host headers whose judgement is remembered: few are in use, and a stranger's must not pile up."""
SWEEP_TICKS = 5
"""All connections are looked at for these two within so many seconds; 10,000 at once would stand the loop still for 15 ms."""
SWEEP_AT_LEAST = 200
"""So few are looked at every second."""
CONNECTIONS = 60_000
BACKLOG = 8_192
"""Connections that wait to be accepted: those that 10,000 watchers make at once when they come back."""
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
