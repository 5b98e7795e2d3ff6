"""What stands before a registry, and can be closed, or misbehave as a proxy or a dying registry does.

    with Gate() as gate:            # gate.url stays the same, whatever is behind it
        gate.target = registry.port
        gate.behave("500")

Every change cuts the connections that are open: what follows is seen at once.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Final, Literal, Self

Behaviour = Literal["open", "500", "hangs", "broken stream", "reset"]
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT: Final = b'event: upsert\ndata: {"service": "web", "instances": [{"instance_id": 7\n\n'
_REFUSAL: Final = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_BYTES: Final = 65_536


class Gate:
    """`target`: the port of the registry behind it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._behaviour: Behaviour = "open"
        self.target = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def behave(self, behaviour: Behaviour = "open") -> None:
        with self._lock:
            self._behaviour = behaviour
            for each in self._open:  # whoever serves one waits for the lock to let go of it
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.behave("reset")

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[caller], daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with self._lock:
            behaviour = self._behaviour
            self._open.add(caller)
        try:
            with contextlib.suppress(OSError):
                _SERVE[behaviour](self, caller)
        finally:
            with self._lock:
                self._open.discard(caller)
            caller.close()

    def _pass(self, caller: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self.target), 5) as registry:
            registry.settimeout(None)
            answers = threading.Thread(target=_copy, args=[registry, caller], daemon=True)
            answers.start()
            _copy(caller, registry)
            answers.join()

    def _refuse(self, caller: socket.socket) -> None:
        caller.recv(_BYTES)
        caller.sendall(_REFUSAL)

    def _hang(self, caller: socket.socket) -> None:
        while caller.recv(_BYTES):
            pass

    def _garble(self, caller: socket.socket) -> None:
        """An event that is none, in chunks that are not, to whoever asks for a stream; 500 to everybody else."""
        if b"/watch" not in caller.recv(_BYTES):
            caller.sendall(_REFUSAL)
            return
        caller.sendall(_HEAD + b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT) + b"no length\r\n")


_SERVE: Final[dict[Behaviour, Callable[[Gate, socket.socket], None]]] = {
    "open": Gate._pass,
    "500": Gate._refuse,
    "hangs": Gate._hang,
    "broken stream": Gate._garble,
    "reset": lambda gate, caller: None,
}


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(_BYTES):
            target.sendall(some)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
