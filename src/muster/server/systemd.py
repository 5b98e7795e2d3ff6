"""systemd's two small protocols: telling it how we are (sd_notify(3)), and taking sockets it opened (sd_listen_fds(3)).

    notify(environ, READY)                      we answer; whoever waits for us may start
    notify(environ, STOPPING)                   no longer ready, finishing what is under way
    notify(environ, reloading(monotonic_ns()))  READY again when done
    notify(environ, WATCHDOG)                   still alive, every watchdog_interval(...) seconds

Not started by systemd, all of this does nothing. A socket that systemd holds stays open while we restart, so nobody is refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"

_FIRST_FD = 3
"""SD_LISTEN_FDS_START: after stdin, stdout and stderr."""


def status(text: str) -> str:
    """A line for `systemctl status`."""
    return "STATUS=" + text.replace("\n", " ")


def reloading(monotonic_ns: int) -> str:
    """`Type=notify-reload` wants the time as well, to know which reload it is hearing of."""
    return f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns // 1000}"


def notify(environ: Mapping[str, str], *states: str) -> bool:
    """Whether anybody was told. systemd gone, or its socket full, is no reason for a server to fall over."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):  # the abstract name space begins with a null byte
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(states).encode(), address)
    except OSError:
        return False
    return True


def watchdog_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds between two signs of life: half of what systemd waits, as sd_watchdog_enabled(3) advises. None: nobody waits."""
    micros = environ.get("WATCHDOG_USEC", "")
    if not micros.isdecimal() or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(micros) / 1_000_000 / 2


def listen_fds(environ: Mapping[str, str], pid: int) -> tuple[int, ...]:
    """Descriptors of the sockets systemd opened for this very process; a child that inherits the variables takes none."""
    count = environ.get("LISTEN_FDS", "")
    if not count.isdecimal() or environ.get("LISTEN_PID") != str(pid):
        return ()
    fds = tuple(range(_FIRST_FD, _FIRST_FD + int(count)))
    for fd in fds:
        os.set_inheritable(fd, False)
    return fds
