"""A server that takes its time: answers each line `SECONDS` after as many seconds. Says on standard output what it does.

On TERM it says `term` and ends at once with 0, as a careless server does: a request under way is then lost.
"""

import os
import signal
import socketserver
import sys
import threading


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


class Answering(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            threading.Event().wait(float(line))
            self.wfile.write(b"done\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    ended = threading.Event()

    def end(signum: int, frame: object) -> None:
        say(signal.Signals(signum).name.removeprefix("SIG").lower())
        ended.set()

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(signum, end)
    signal.signal(signal.SIGHUP, lambda signum, frame: say("hup"))
    with Server(("127.0.0.1", int(os.environ["PORT"])), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        say("ready")
        ended.wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
