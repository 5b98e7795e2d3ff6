"""Library."""

CLIENT_CONNECT_S = 2.0
"""One registry's time to accept a connection and shake hands; then another one is tried."""
CLIENT_REQUEST_S = 5.0
"""One request's time to its answer, at one registry."""
CLIENT_ACK_S = 1.0
"""An acknowledgement's time: it is sent between two reads of the stream, which must not wait long."""
CLIENT_SENDING_S = 2.0
"""A drain is acknowledged when no request can be on its way to the instance any more: when the attempts begun before are over, or
this old. By then they have arrived, and the instance itself knows that it owes an answer; less than a drain waits."""
CLIENT_SENDING_LOOK_S = 0.02
"""How often that is looked at, while a drain waits for it."""
CLIENT_EVENT_S = 30.0
"""A stream that sends bytes but completes no event for this long is broken: a large page on a slow link takes a few seconds."""
CLIENT_RETRY_FIRST_S = 0.4
"""A lost stream is opened elsewhere within this, spread so that a dying registry's watchers do not arrive at once."""
CLIENT_RETRY_MAX_S = 1.0
"""Between attempts while no registry is there: how long its return may go unnoticed. A refused connection costs nobody much."""
CLIENT_REFUSED_RETRY_MAX_S = 5.0
"""The same where registries answer and say no: one that has too much to do must be let recover."""
CLIENT_REGISTER_RETRY_MAX_S = 5.0
"""Between attempts to register or renew: what a registry that returns must take in again, all at once, is spread over this."""
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
CLIENT_BUILD_SHARE = 0.01
"""The part of a core that making one service's pickers may take: building one for 10,000 endpoints takes 9 ms, a service of that size
changes all the time, and whoever picks meanwhile may have to wait for the interpreter."""
CLIENT_BUILD_PAUSE_S = 0.000_05
"""A thread that builds a picker lets others go on for this long between two slices: a waiting one takes the interpreter at once."""
CLIENT_BUILD_QUICK_S = 0.001
"""A picker that takes no longer is made at every change: up to some 500 endpoints."""
CLIENT_BUILD_LATE_S = 1.0
"""How late a picker may be for that. Whoever has left is passed over meanwhile."""
CLIENT_PORTS = 16
"""Ports of one service that pickers are kept for, by name; more are served, and cost a build for every pick. Names that nobody has make
room for one that somebody has."""
CLIENT_SHARED = 1_024
"""Values that a mirror looks for to keep them once, some 100 bytes each: zones, versions, labels. Those that are an instance's own are
forgotten, with all the others, when there are so many; the others are then kept twice."""
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
