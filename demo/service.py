"""The service of the demo: greets, and takes 20 ms for it. Nothing here knows of Muster.

    PORT=8080 python -m demo.service greeter-1

On SIGTERM it takes no more connections, answers the requests it has, and ends: what any decent server does.
"""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .speech import say

WORK_S = 0.02
NAME = sys.argv[1] if len(sys.argv) > 1 else "greeter"


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/health":
            threading.Event().wait(WORK_S)
        body = f"hello from {NAME}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Every call would be a line."""


class Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for the requests that are under way
    request_queue_size = 128


def main() -> None:
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Greeter)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    say("serving", pid=os.getpid())
    server.serve_forever(poll_interval=0.05)
    server.server_close()


if __name__ == "__main__":
    main()
