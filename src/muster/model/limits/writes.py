"""Writes."""

BATCH_WRITES = 100
"""Writes of one transaction: etcd refuses more than 128 operations, guards included."""
BATCH_BYTES = 1_000_000
"""etcd refuses requests above 1.5 MiB."""
DECISIONS_PER_TURN = 500
"""Commands decided in one turn of the loop: most of a mass event's may turn out to be over already, and write nothing."""
OPERATIONS_REMEMBERED = 1_024
"""Operations seen in the tail, by which a lost answer is settled. A writer has one under way."""
LOST_ANSWER_WAITS_S = (0.01, 0.05, 0.25, 1.0)
"""Between attempts to learn what became of a write whose answer was lost."""
LOST_ANSWER_PATIENCE_S = 3.0
"""Callers are told that it is not known after this at the latest, and the attempt under way then: of a store in a network each may take
2 s, and a caller waits 5 s for the answer, which says more than that none came."""
WRITE_AGAIN_S = 2.0
"""A caller whose write could not be done is asked to come again after this."""
COMMANDS_WAITING = 10_000
"""Commands in the writer's queue; a further one is told to retry."""
