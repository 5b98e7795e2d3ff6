"""A WSGI application that takes its time, and says who answered."""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    think = parse_qs(environ["QUERY_STRING"]).get("think", ["0"])[0]
    threading.Event().wait(float(think))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
