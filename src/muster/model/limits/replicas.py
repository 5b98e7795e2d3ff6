"""Several replicas on one store."""

ADOPTION_GRACE_S = 60.0
"""A lease taken over from another replica counts as renewed for so long, or its TTL if that is shorter: its instance may have to find
another replica first. One whose heartbeats are far apart gets 1.5 intervals."""
ADOPTION_GRACE_AGAIN_TTLS = 10.0
"""Between two such graces without a heartbeat heard in between, in TTLs: by then an owner has found out whether it lives."""
ASSIGNED_PER_TICK = 2_000
"""Leases whose owner is looked up in one turn of the loop, after replicas came or went: a few milliseconds."""
REPLICA_TTL_S = 10
"""A replica that has not renewed its membership for so long is gone, and others own what was its own."""
REPLICA_RENEW_S = 2.5
"""Between two renewals of a membership: three may fail."""
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
REPLICA_REST_S = 30.0
"""A replica that was back before its membership ended owns nothing for so long: it has forgotten who was silent, and another owner has not.
By then leases of an ordinary TTL have lapsed there."""
REPLICA_DEAF_S = 2.0
"""And acknowledges nothing for so long, nor is asked: one that crashes sooner, again and again, would never answer, and be waited for.
Twice as long as an owner waits before it asks again (`inquiry.AGAIN_S`)."""
REPLICA_JOIN_AGAIN_S = 0.5
"""Until a replica that is no member tries again."""
MAIL_TIMEOUT_S = 3.0
"""For an answer through the store: two commits, and the tails between them."""
COMPARE_EVERY_S = 5.0
"""Between two comparisons of a replica with the next one: of some services each, all of them in turn."""
COMPARE_SERVICES = 500
"""Services compared at a time: 50 KB."""
COMPARE_INSTANCES = 20_000
"""Their instances, or those of the last service more: 100,000 are compared within half a minute."""
COMPARE_SLICE = 2_000
"""Instances looked at in one turn of the loop: 3 ms the first time, when each one's part of a digest is made."""
COMPARE_WAIT_S = 0.5
"""A replica that is asked for a comparison at a revision it has not seen yet waits for it so long."""
REPAIR_EVERY_S = 30.0
"""Between two readings of the whole store to find out what is wrong here: it costs as much as a start."""
REPAIR_RECORDS = 500
"""Records put right in one turn of the loop; further ones follow at a revision of their own."""
REPAIR_WAIT_S = 5.0
"""A replica whose tail does not reach what it has read from the store within this time leaves it for the next time."""
FINDINGS_KEPT = 200
"""Differences and repairs that wait to be logged; of more at once the last."""
CONFIRM_ATTEMPTS = 3
"""Times that a refusal is decided anew because the store had another record; then another replica is to be asked."""
CATCH_UP_S = 1.0
"""A replica that is behind waits so long for what the store has already; a client asks another one then."""
