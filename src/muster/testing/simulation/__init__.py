"""A world in virtual time: processes that crash and stand still, links that lose, delay and cut. No sockets, no threads."""
