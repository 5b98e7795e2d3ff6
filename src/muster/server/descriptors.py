"""File descriptors: every connection, probe and file is one, and a shell's usual limit of 1,024 is no registry's."""

from __future__ import annotations

import resource

from muster.model import limits


def raise_limit() -> int:
    """Take as many as this process may have. How many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, limits.DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def connections(descriptors: int) -> int:
    """How many connections to accept, so that probes and the database find a descriptor when all are in use."""
    reserved = min(limits.DESCRIPTORS_RESERVED, descriptors // 4)
    return min(limits.CONNECTIONS, descriptors - reserved)
