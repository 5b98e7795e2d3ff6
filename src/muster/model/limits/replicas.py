"""Several replicas on one store."""

ADOPTION_GRACE_S = 60.0
"""A lease taken over from another replica counts as renewed for so long, or its TTL if that is shorter: its instance may have to find
another replica first."""
REPLICA_TTL_S = 10
"""A replica that has not renewed its membership for so long is gone, and others own what was its own."""
REPLICA_RENEW_S = 2.5
"""Between two renewals of a membership: three may fail."""
REPLICAS = 64
"""More make the answers to a question slow, and not the registry fast."""
ASK_TIMEOUT_S = 1.0
"""For a replica's answer to a question; then it is asked through the store."""
ASK_QUESTIONS = 2_000
"""Questions sent together: about 100 KB."""
ASK_GATHER_S = 0.05
"""Questions that come up within this time are sent together."""
PEER_CONNECTIONS = 4
"""To each other replica, kept open."""
PEER_ANSWER_BYTES = 4 * 1024 * 1024
"""The longest answer of another replica that is read."""
REPLICA_JOIN_AGAIN_S = 0.5
"""Until a replica that is no member tries again."""
MAIL_TIMEOUT_S = 3.0
"""For an answer through the store: two commits, and the tails between them."""
