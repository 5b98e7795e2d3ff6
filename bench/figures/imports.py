"""What importing us costs a program that starts: processes of their own, with byte code cached, beside one that imports `msgspec`.

Times are processor times of whole processes, the least of several: a shared machine only ever adds to them. `-X importtime` says what
of it is whose.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from msgspec import Struct

from bench.figure import Number, Scale

REFERENCE = "import msgspec"
PROGRAMS = (
    ("`import muster`", "import muster", 60.0),
    ("`import muster`, and `muster.Discovery`", "import muster; muster.Discovery", 60.0),
    ("`import muster`, and `muster.Registrar`", "import muster; muster.Registrar", 60.0),
)
STARTED = """
import sys, threading
import muster
muster.Discovery, muster.Registrar
assert threading.enumerate() == [threading.main_thread()]
assert not {"asyncio", "concurrent.futures", "subprocess"} & sys.modules.keys()
import os
print(len(os.listdir("/proc/self/fd")) - 1)
"""
"""Fails if anything was started; prints how many descriptors are open: three, and nothing of ours."""


class Size(Struct, frozen=True):
    starts: int
    runs: int


SIZES = {"full": Size(12, 5), "quick": Size(8, 3), "tiny": Size(1, 1)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    for _, program, _ in PROGRAMS:
        _cost_ms(program)  # once for the byte-code caches
    numbers = []
    for what, program, bound in PROGRAMS:
        pairs = [_least(program, size) for _ in range(size.runs)]
        more = tuple(ours - reference for ours, reference in pairs)
        ours, reference = min(pairs)
        numbers.append(
            Number(
                f"{what}: more than `{REFERENCE}`",
                more,
                "ms",
                at_most=bound,
                beside=f"{ours:.0f} ms to {reference:.0f} ms, interpreter and all",
            )
        )
    open_files = int(subprocess.run([sys.executable, "-c", STARTED], check=True, capture_output=True).stdout)
    return [
        *numbers,
        Number("open at import, besides stdin, stdout and stderr", (open_files - 3.0,), "", at_most=0),
    ]


def _least(program: str, size: Size) -> tuple[float, float]:
    """Ours and the reference's, in turn."""
    pairs = [(_cost_ms(program), _cost_ms(REFERENCE)) for _ in range(size.starts)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def _cost_ms(program: str) -> float:
    """Processor time of a process that runs `program`."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environ)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, program
    return (used.ru_utime + used.ru_stime) * 1e3
