"""Processes and those that came from them. What to say of one that hangs: where its threads are, and what it wrote.

with told_of(process.pid, log):
    process.wait(60)
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

LOOKING_S = 20.0
LONGEST_CHARS = 8_000


def family(pid: int) -> list[int]:
    """The process and all that came from it, in whatever session: field 4 of /proc/PID/stat, behind the name, is the parent."""
    children = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children[int(fields[1])].append(int(entry.name))
    found = [pid]
    for each in found:
        found += children[each]
    return found


def pause(pid: int) -> None:
    """SIGSTOP to a child of ours, until all its threads stand: on a busy machine they go on for a moment, until one of them has taken
    the signal."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


def stacks(pid: int) -> str:
    """By py-spy, which needs nothing of the process. Programs in other languages are named, and no more."""
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    return "\n".join(_stack(spy, each) for each in family(pid))


def _stack(spy: str | None, pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        waits = Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return f"process {pid} is gone"
    said = f"process {pid}: {command}({waits})"
    if spy is None:
        return said
    looked = subprocess.run(
        [spy, "dump", "--pid", str(pid)], capture_output=True, text=True, timeout=LOOKING_S
    )
    return f"{said}\n{looked.stdout}"


@contextlib.contextmanager
def told_of(pid: int, *files: Path) -> Iterator[None]:
    """Whatever goes wrong inside says where the processes are, and how these files end."""
    try:
        yield
    except BaseException as failure:
        failure.add_note(stacks(pid))
        for file in files:
            failure.add_note(f"-- {file.name}\n{file.read_text(errors='replace')[-LONGEST_CHARS:]}")
        raise
