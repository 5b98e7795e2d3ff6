"""A service as py-eureka-client's users write it: `program.py EUREKA APP`. It answers with its app's name, and says where."""

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from py_eureka_client import eureka_client


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = sys.argv[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def main() -> None:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        eureka_client.init(
            eureka_server=sys.argv[1],
            app_name=sys.argv[2],
            instance_port=server.server_port,
            instance_ip="127.0.0.1",
            instance_host="127.0.0.1",
            renewal_interval_in_secs=1,
            duration_in_secs=6,
            metadata={"zone": "a"},
        )
        print(server.server_port, flush=True)
        try:
            server.serve_forever()
        finally:
            eureka_client.stop()  # says DOWN, then leaves


if __name__ == "__main__":
    main()
