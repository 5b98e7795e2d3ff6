"""Command line."""

RUN_LIMIT_S = 20.0
"""`muster run` hands the signal to stop on after this at the latest. Kubernetes kills after 30 s: ten are left to the program."""
RENDER_GATHER_S = 0.2
"""Changes that come together go into one file of `muster render`: a rollout is one reload, or a few."""
RENDER_AGAIN_S = 5.0
"""A command that failed is run again after this, and a template that was broken is looked at again."""
RENDER_COMMAND_S = 30.0
"""A reload takes no longer; one that hangs must not keep the file from following."""
RENDER_TEMPLATE_S = 10.0
"""A template of 10,000 instances takes a second; one that takes longer than this has a loop that does not end."""
RENDER_PARTING_S = 5.0
"""Asked to end, `muster render` lets a command that is under way come to its end for so long."""
RENDER_WAIT_S = 10.0
"""`muster render --once` waits so long for a service that no registry has told of yet."""
RENDER_VALUE_CHARS = 64 * 1024
"""One value in a rendered file is cut after this: far above whatever a registry accepts."""
RENDER_OUTPUT_CHARS = 64 * 1024 * 1024
"""A rendered file longer than this is a loop that does not end."""
FOLLOW_ANSWER_S = 10.0
"""A whole answer of a server that is followed, however slowly its bytes come."""
FOLLOW_READ_S = 30.0
"""All answers of a round: half of what a copy lives, so that copies are renewed while their source is slow."""
FOLLOW_REASON_CHARS = 200
"""Of the name of an instance, or of an answer, in the reason why it was not copied."""
FOLLOW_EVERY_S = 5.0
"""Between two rounds of `muster follow`."""
FOLLOW_TTL_S = 60.0
"""A copy outlives a restart of its follower; once that ended for good, copies leave within a minute."""
FOLLOW_ROUNDS_PER_TTL = 4
"""A copy outlives so many lost rounds, whatever their interval."""
FOLLOW_REASONS = 5
"""Instances that cannot be copied, named in one round with the reason."""
