"""Writes."""

BATCH_WRITES = 100
"""Writes of one transaction: etcd refuses more than 128 operations, guards included."""
BATCH_BYTES = 1_000_000
"""etcd refuses requests above 1.5 MiB."""
DECISIONS_PER_TURN = 500
"""Commands decided in one turn of the loop: most of a mass event's may turn out to be over already, and write nothing."""
COMMANDS_WAITING = 10_000
"""Commands in the writer's queue; a further one is told to retry."""
