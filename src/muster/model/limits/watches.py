"""Feed, snapshots, watches."""

FEED_CHANGES = 16_384
"""Changes kept for watchers that are behind; further back means a fresh snapshot."""
CHANGES_BEHIND = 512
"""A reader that is behind by more changes than this, and than its view has instances, gets a fresh snapshot: that is made once for
everybody, changes from a position of its own for it alone."""
ALIVE_FRAMES = 1_024
POLICY_FRAMES = 256
"""Frames kept for all streams: where many stand at one place, each is made once."""
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
READERS_PER_TURN = 256
"""Readers woken, or streams sent elsewhere, in one turn of the loop: heartbeats and probes are served in between."""
STREAM_EVENT_BYTES = 16 * 1024 * 1024
"""The longest event a reader takes: a page of 500 of the largest instances fits with room."""
IDS_PER_FRAME = 16
"""Ids with which one state of a service is kept ready: streams of several services stand at marks of their own."""
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
