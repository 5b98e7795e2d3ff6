"""An instance of `web` that speaks gRPC: one method, which says who it is. `python -m tests.proof.grpc_instance --host H --port P`.

At SIGTERM it takes no more calls, and ends when those under way are answered.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc

SERVICE: Final = "proof.Web"
METHOD: Final = f"/{SERVICE}/Name"
GRACE_S: Final = 5.0
NAME = os.environ.get("NAME", "").encode()


def name(request: bytes, context: grpc.ServicerContext) -> bytes:
    return NAME


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True)
    asked = parser.parse_args()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    handlers = {"Name": grpc.unary_unary_rpc_method_handler(name)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    assert server.add_insecure_port(f"{asked.host}:{asked.port}")
    server.start()
    ending.wait()
    server.stop(GRACE_S).wait()


if __name__ == "__main__":
    main()
