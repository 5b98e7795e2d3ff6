"""Storage."""

from .writes import BATCH_BYTES

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
STORE_CHECKPOINT_PAGES = 4_000
"""The log is folded into the file when it has so many pages (16 MB). Folding costs a write and a sync for each page that changed,
however often it did: at SQLite's own 1,000 pages that is a quarter of the price of a registration."""
STORE_COURTESY_S = 0.001
"""How often the event loop looks whether it keeps the writer's thread from running."""
STORE_COURTESY_SLEEP_S = 0.000_05
"""How long it then sleeps: about the time a thread needs to wake up and take the interpreter's lock."""
STORE_COURTESY_MAX_S = 0.002
"""It sleeps on while the writer computes, up to this: a stall nobody notices."""
BACKUP_STEP_PAGES = 128
"""Pages of 4 KiB copied between two looks at the waiting commits: about a millisecond."""
STORE_RELOAD_S = 1.0
"""Between attempts to load again from a store that went away just then."""
