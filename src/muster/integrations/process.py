"""Whether this process may register, and a membership that lives as long as the process does.

An application is imported by much that does not serve it: management commands, shells, test runners, job workers, the
parent of a reloader. MUSTER_REGISTER says yes or no where that cannot be seen; `muster run` says no, because it registers
its program itself.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping, Sequence

from .membership import Membership
from .sigterm import hold_back

VARIABLE = "MUSTER_REGISTER"
_SAID = {
    "0": False,
    "false": False,
    "no": False,
    "off": False,
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
}


def may_register(environ: Mapping[str, str] = os.environ, *, otherwise: bool) -> bool:
    """What the environment says; `otherwise` if it says nothing. Static endpoints have no registry to register with.

    Raises ValueError.
    """
    if environ.get("MUSTER_URL", "").startswith("static:"):
        return False
    given = environ.get(VARIABLE, "").lower()
    if given and given not in _SAID:
        raise ValueError(f"{VARIABLE} is {given!r}: it says 1 or 0")
    return _SAID.get(given, otherwise)


def as_flask(environ: Mapping[str, str], arguments: Sequence[str]) -> bool:
    """`flask run` registers, no other command of `flask` does; any other program if it is told to.

    The two processes of the reloader are one crew, and one entry.
    """
    if environ.get("FLASK_RUN_FROM_CLI") == "true":
        return "run" in arguments[1:] and may_register(environ, otherwise=True)
    return may_register(environ, otherwise=False)


def as_django(environ: Mapping[str, str], arguments: Sequence[str], *, managing: bool) -> bool:
    """`manage.py runserver` registers, in the process that serves: RUN_MAIN marks the reloader's child. No other management
    command does; any other program if it is told to. `managing`: this is a management command."""
    if managing:
        serves = environ.get("RUN_MAIN") == "true" or "--noreload" in arguments
        return "runserver" in arguments[1:2] and serves and may_register(environ, otherwise=True)
    return may_register(environ, otherwise=False)


def enter(membership: Membership) -> None:
    """Begin now, without a framework's word for "started" or "stopped": the port answers or it does not, and the process ends."""
    membership.start()
    hold_back(membership.depart, default=True)
    atexit.register(membership.leave)
