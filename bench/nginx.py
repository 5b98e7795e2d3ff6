"""nginx as a yardstick: one worker on the server's core that returns fixed bytes from memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import cores
from bench.process import Program, program, until_ready
from bench.registry import HOST, free_port

PIECE_CHARS = 3_500
CONFIG = """
daemon off; master_process off; worker_processes 1;
pid {directory}/pid; error_log {directory}/error.log crit;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 75s; server_tokens off; default_type application/json;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{
        listen {host}:{port} backlog=4096;
        location / {{ {answer} }}
    }}
}}
"""


def missing() -> bool:
    return _path() is None


def _path() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def nginx(status: int, body: bytes = b"") -> Iterator[tuple[Program, int]]:
    """(the program, its port); every path is answered with `status` and `body`."""
    path = _path()
    assert path is not None, "apt-get install nginx-light"
    answer = _returning(status, body.decode())
    with TemporaryDirectory(prefix="muster-bench-nginx-") as directory:
        port = free_port()
        config = Path(directory) / "nginx.conf"
        config.write_text(CONFIG.format(directory=directory, host=HOST, port=port, answer=answer))
        command = cores.on_server(path, "-p", directory, "-c", str(config))
        with program(command) as running:
            until_ready(f"http://{HOST}:{port}/", running.process)
            yield running, port


def _returning(status: int, text: str) -> str:
    """nginx takes no parameter above 4 KiB, so the text comes in pieces. JSON goes into single quotes."""
    assert not set("'$\\") & set(text), "nginx would read these characters as its own"
    pieces = [text[start : start + PIECE_CHARS] for start in range(0, len(text), PIECE_CHARS)]
    sets = " ".join(f"set $piece{n} '{piece}';" for n, piece in enumerate(pieces))
    whole = "".join(f"$piece{n}" for n in range(len(pieces)))
    return f'{sets} return {status} "{whole}";' if pieces else f"return {status};"
