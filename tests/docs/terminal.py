"""The reader's terminal: one bash in an empty directory that is given the page's blocks, one after the other.

Variables, files and background servers live from block to block, as they would for a person. The whole session is ended with
the page, whatever it started.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.docs.pages import Block, commands

PAGE_SECONDS = 180
END_SECONDS = 15

_PRELUDE = """\
set -euo pipefail
failed() { echo "*** $1" >&2; exit 1; }
until_ready() {  # where, process, command
    for _ in $(seq 300); do
        kill -0 "$2" 2>/dev/null || failed "$1: the server ended: $(cat "$1.log")"
        if eval "$3" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    failed "$1: not ready after 30 s: $(cat "$1.log")"
}
"""
_ANSWERS = (
    "python -c \"import os, urllib.request as u; u.urlopen(os.environ['MUSTER_URL'] + '/readyz', timeout=1)\""
)
"""How to see that a registry is ready, with what is there anyway."""
_SERVICE = re.compile(r"\bmuster run .*--service (?P<name>[\w.-]+)")


def run(page: Iterable[Block], directory: Path, url: str) -> tuple[int, str]:
    """The exit status of the page, and all it wrote. Files of the page end up in `directory`."""
    script = directory / ".page.sh"
    script.write_text(_PRELUDE + "".join(_step(block, directory) for block in page))
    return _session(["bash", str(script)], directory, _environment(directory, url))


def _step(block: Block, directory: Path) -> str:
    """The line of bash that does a block. The block itself is a file, so that bash names it when something is wrong."""
    if name := block.words.get("file"):
        (directory / name).write_text(block.text)
    if not block.runs or name:
        return ""
    source = directory / ".blocks" / str(block).replace("/", "-")
    source.parent.mkdir(exist_ok=True)
    source.write_text(commands(block))
    file = shlex.quote(str(source))
    do = f"python {file}" if block.language == "python" else f"source {file}"
    step = f"echo '--- {block}'\n"
    if "background" in block.words:
        ready = block.words.get("ready") or _ready(block.text)
        return step + f"( {do} ) >{file}.log 2>&1 &\nuntil_ready {file} $! {shlex.quote(ready)}\n"
    if status := block.words.get("exit"):
        return (
            step
            + f'set +e; ( set -e; {do} ); got=$?; set -e\n[ $got = {status} ] || failed "{block}: exit $got"\n'
        )
    return step + f"{do}\n"


def _ready(text: str) -> str:
    """A registry is waited for until it answers, a program of `muster run` until it is found."""
    if "muster serve" in text:
        return _ANSWERS
    running = _SERVICE.search(text)
    return f"muster resolve {running['name']}" if running else ":"


def _environment(directory: Path, url: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), ours.get("PATH", os.defpath)])
    muster = {"MUSTER_URL": url, "MUSTER_LISTEN": url.removeprefix("http://")}
    return ours | muster | {"PATH": path, "HOME": str(directory), "NO_COLOR": "1", "COLUMNS": "120"}


def _session(command: list[str], directory: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Output goes to a file: a pipe would stay open as long as any server of the page."""
    written = directory / ".output"
    with ExitStack() as stack:
        output = stack.enter_context(written.open("wb"))
        shell = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        stack.callback(end_session, shell.pid)
        try:
            status = shell.wait(PAGE_SECONDS)
        except subprocess.TimeoutExpired:
            output.write(f"*** not done after {PAGE_SECONDS} s\n".encode())
            status = 124
        finally:
            shell.kill()
            shell.wait()
    return status, written.read_text(errors="replace")


def end_session(session: int) -> None:
    """Ask every process of the session to end; those that do not are ended."""
    deadline = time.monotonic() + END_SECONDS
    asked: set[int] = set()
    while members := members_of(session):
        late = time.monotonic() > deadline
        for pid in members - (set() if late else asked):
            _signal(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked |= members
        _pause()


def members_of(session: int) -> set[int]:
    return {
        pid
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _in(pid := int(entry.name), session)
    }


def _in(pid: int, session: int) -> bool:
    """Fields 3 and 6 of /proc/PID/stat, counted from behind the name, which may hold anything: proc(5)."""
    try:
        state, _, _, of, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return state != "Z" and int(of) == session


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _pause() -> None:
    time.sleep(0.02)  # noqa: TID251 - processes of others: the kernel has nothing to wait on


def free_ports(wanted: Iterable[str]) -> dict[str, int]:
    """A free port for each, all different."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(socket.create_server(("127.0.0.1", 0))) for name in wanted}
        return {name: server.getsockname()[1] for name, server in servers.items()}
