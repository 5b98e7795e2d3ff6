"""A registry, instances of `web` under `muster run`, and processes that call them, all real and each of its own.

    with Town(tmp_path) as town:
        town.serve("web-1", "web-2")
        town.call("httpx", "aiohttp")
        town.notes.until(lambda notes: ...)

Whatever is started is ended with the block, with all that came from it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, Self

from tests.cli.wrapper.programs import children, free_port
from tests.integrations.servers import END_S
from tests.processes import family
from tests.proof.notes import Called, Note, Picked, Ready, decode
from tests.source import ROOT

from muster.testing.process import RegistryProcess

SERVER: Final = ("-m", "uvicorn", "tests.proof.instance:app", "--no-access-log", "--log-level", "warning")
GRPC_SERVER: Final = ("-m", "tests.proof.grpc_instance")
LOOPBACK: Final = "127.0.0.1"
LONG_S: Final = 60.0
LOOK_EVERY_S: Final = 0.05
CHILDREN: Final = ("prefork-0", "prefork-1")

Prefix = Sequence[str]
"""What a command is run under: nothing, or a way into a network namespace."""


class Notes:
    """What all callers have written down so far."""

    def __init__(self) -> None:
        self._all: list[Note] = []
        self._news = threading.Condition()

    def read(self, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                with self._news:
                    self._all.append(decode(line))
                    self._news.notify_all()

    def since(self, at: float = 0.0) -> list[Note]:
        with self._news:
            return [note for note in self._all if note.at >= at]

    def until(
        self, holds: Callable[[list[Note]], object], *, since: float = 0.0, seconds: float = LONG_S
    ) -> None:
        """Looks at those that begin at `since` or later, again after news, but not at each of them."""
        deadline = time.monotonic() + seconds
        while not holds(self.since(since)):
            with self._news:
                assert self._news.wait(deadline - time.monotonic()), "not in time, or nobody calls any more"
            threading.Event().wait(LOOK_EVERY_S)

    def until_ready(self, *names: str) -> None:
        self.until(lambda notes: {n.by for n in notes if isinstance(n, Ready)} >= set(names))

    def until_picked(self, to: str, by: set[str], *, since: float = 0.0) -> None:
        """Until each of these callers has chosen this instance."""
        self.until(
            lambda notes: {n.by for n in notes if isinstance(n, Picked) and n.to == to} >= by, since=since
        )

    def until_called(self, times: int, *, since: float, seconds: float = LONG_S) -> None:
        self.until(
            lambda notes: sum(isinstance(n, Called) for n in notes) >= times, since=since, seconds=seconds
        )


class Member:
    """One instance: a server under `muster run`, at the same port whenever it is started."""

    def __init__(
        self,
        town: Town,
        name: str,
        *,
        host: str = LOOPBACK,
        zone: str = "",
        under: Prefix = (),
        options: Sequence[str] = (),
        server: Sequence[str] = SERVER,
    ) -> None:
        self._town = town
        self._mode = town.directory / f"{name}.mode"
        self._under = under
        self._options = options
        self._server = server
        self._wrapper: subprocess.Popen[bytes] | None = None
        self.name = name
        self.zone = zone
        self.host = host
        self.port = free_port()

    def __repr__(self) -> str:
        return f"<Member {self.name} at {self.host}:{self.port}>"

    @property
    def wrapper(self) -> subprocess.Popen[bytes]:
        assert self._wrapper is not None, "not started"
        return self._wrapper

    @property
    def program(self) -> int:
        """The wrapped server's process id."""
        (pid,) = children(self.wrapper.pid)
        return pid

    def start(self) -> None:
        says = ["--service", "web", "--id", self.name, "--host", self.host, "--port", str(self.port)]
        says += ["--zone", self.zone] * bool(self.zone) + list(self._options)
        server = [sys.executable, *self._server, "--host", self.host, "--port", str(self.port)]
        self._wrapper = self._town.start(
            [*self._under, sys.executable, "-m", "muster", "run", *says, "--", *server],
            self.name,
            NAME=self.name,
            MODE=str(self._mode),
        )

    def behave(self, mode: str = "") -> None:
        """From the next request on (`instance.py`)."""
        changed = self._mode.with_suffix(".new")
        changed.write_text(mode)
        changed.replace(self._mode)

    def stop(self) -> None:
        """As a rollout does; returns when it has ended."""
        self.wrapper.send_signal(signal.SIGTERM)
        assert self.wrapper.wait(END_S) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)

    def kill(self) -> None:
        """It and its wrapper, at once: nobody is left to say good-bye."""
        pids = family(self.wrapper.pid)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.wrapper.wait(END_S)

    @contextlib.contextmanager
    def mute(self) -> Iterator[None]:
        """Its kernel accepts, and it says nothing."""
        os.kill(self.program, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.program, signal.SIGCONT)


class Town:
    """`registry`: one that is started with the town. `url`: where it is found, if something stands before it."""

    def __init__(self, directory: Path, registry: RegistryProcess | None = None, *, url: str = "") -> None:
        self.directory = directory
        self.registry = registry or RegistryProcess(directory / "data")
        self.notes = Notes()
        self.members: dict[str, Member] = {}
        self._stack = contextlib.ExitStack()
        self._url = url
        self._callers: list[subprocess.Popen[bytes]] = []
        self._readers: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return self._url or self.registry.url

    def start(self, command: Sequence[str], log: str, **environ: str) -> subprocess.Popen[bytes]:
        """A process with a log, ended with the town."""
        return self._popen(command, log, stdin=subprocess.DEVNULL, stdout=None, **environ)

    def serve(self, *names: str, **options: object) -> list[Member]:
        """Start instances, all at once. They are there when callers choose them."""
        made = [Member(self, name, **options) for name in names]  # type: ignore[arg-type]
        for member in made:
            self.members[member.name] = member
            member.start()
        return made

    def call(self, *kinds: str, under: Prefix = (), ready: bool = True, **options: object) -> None:
        """Start a calling process of each kind, named after it unless `name` says otherwise."""
        for kind in kinds:
            given = [f"--{key}={value}" for key, value in options.items()]
            command = [*under, sys.executable, "-m", "tests.proof.calling", kind, f"--url={self.url}", *given]
            name = options.get("name", kind)
            caller = self._popen(command, f"caller-{name}", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert caller.stdout is not None
            reader = threading.Thread(target=self.notes.read, args=[caller.stdout], daemon=True)
            reader.start()
            self._callers.append(caller)
            self._readers.append(reader)
        if ready:
            self.notes.until_ready(*(str(options.get("name", kind)) for kind in kinds))

    def steer(self, policy: str, under: Prefix = ()) -> None:
        """Apply a traffic policy for `web`."""
        document = self.directory / "policy.yaml"
        document.write_text(policy)
        self.muster("policy", "apply", "web", str(document), under=under)

    def muster(self, *arguments: str, under: Prefix = ()) -> str:
        """What one command says."""
        command = [*under, sys.executable, "-m", "muster", *arguments]
        return subprocess.run(
            command,
            check=True,
            cwd=ROOT,
            env=self._environ(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=END_S,
        ).stdout

    def hush(self) -> None:
        """Every caller ends its calls under way, and itself; then all notes have been read."""
        for caller in self._callers:
            assert caller.stdin is not None
            caller.stdin.close()
        for caller in self._callers:
            assert caller.wait(END_S) == 0
        for reader in self._readers:
            reader.join(END_S)
        self._callers.clear()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.registry)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _popen(
        self, command: Sequence[str], log: str, *, stdin: int, stdout: int | None, **environ: str
    ) -> subprocess.Popen[bytes]:
        with (self.directory / f"{log}.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environ(**environ),
                stdin=stdin,
                stdout=output if stdout is None else stdout,
                stderr=output,
                start_new_session=True,
            )
        self._stack.callback(end, process)
        return process

    def _environ(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "MUSTER_URL": self.url, **more}


def names(*kinds: str) -> tuple[str, ...]:
    """The names under which these kinds of callers make their notes."""
    return tuple(name for kind in kinds for name in (CHILDREN if kind == "prefork" else (kind,)))


def end(process: subprocess.Popen[bytes]) -> None:
    """It and all that came from it."""
    for pid in family(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(END_S)
    if process.stdin is not None:
        process.stdin.close()
