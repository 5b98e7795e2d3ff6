"""DNS."""

DNS_TTL_S = 1.0
"""A resolver in between asks at most once a second for all who ask it; what it holds is a second old."""
DNS_TTL_MAX_S = 5.0
"""Kubernetes' 5 s. What is kept longer sends callers to instances that are gone."""
DNS_DOMAIN_CHARS = 60
"""Of a domain of ours: with the longest service, namespace and instance before it, a name still has fewer than 255 bytes."""
DNS_PLAIN_BYTES = 512
"""A datagram for whoever does not speak EDNS (RFC 1035)."""
DNS_UDP_BYTES = 1_232
"""The longest datagram, whatever is asked for: it passes any IPv6 path unfragmented (DNS flag day 2020), and is the most that a
forged sender can have sent to somebody else."""
DNS_ANSWERS = 64
"""Answers kept with a snapshot of a service: every type of every grammar, and a few selections."""
DNS_MEMO = 4_096
"""Queries whose answers are known by heart."""
DNS_ROTATIONS = 16
"""Rotations that are kept of an answer; of longer ones each is put together when it is asked for. 80 MB, if all of the memory
were full of the longest."""
DNS_CONNECTIONS = 512
"""Connections over TCP; who has been quiet longest gives way to a new one."""
DNS_IDLE_S = 10.0
"""From one whole question to the next (RFC 7766 section 6.2.3: a few seconds)."""
DNS_QUESTIONS_PER_TURN = 64
"""Questions of one connection answered before others have their turn: 2 ms."""
DNS_PORTS_TRIED = 16
"""Where the kernel chooses the port, UDP may have what TCP may not."""
