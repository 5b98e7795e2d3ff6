"""etcd, the store that several registries share."""

ETCD_CALL_S = 2.0
"""One call to one endpoint; etcd elects a leader in 1 to 2 s, and whoever waits is served by another endpoint sooner."""
ETCD_PING_S = 10.0
"""Between two pings of an idle connection. Etcd closes connections that ping more often than every 5 s."""
ETCD_PULSE_S = 1.0
"""How often a replica looks whether etcd still holds the history it knows, and whether its watch keeps up."""
ETCD_WATCH_LAG_S = 3.0
"""A watch that has not told what etcd is known to hold for this long is broken, whatever its connection says."""
ETCD_RETRY_S = 0.25
"""Between two attempts to open a watch, while no endpoint answers."""
ETCD_ANSWER_BYTES = 64 * 1024 * 1024
"""The longest message of etcd that is read: a page of records, or the transactions a watch is behind with."""
ETCD_PAGE_RECORDS = 5_000
"""Records read at a time: 3 MB as they usually are."""
ETCD_TRANSACTION_OPS = 128
"""etcd's `--max-txn-ops`, as it comes."""
ETCD_UNCOMPACTED_REVISIONS = 500_000
"""Where this many revisions back can still be read, nobody compacts: a gigabyte of the 2 that etcd has by itself."""
ETCD_COMPACTION_LOOK_S = 600.0
"""How often that is looked at."""
