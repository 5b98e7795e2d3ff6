"""A server that takes its time: answers each line `SECONDS` after as many seconds. Says on standard output what it does.

On TERM (INT, QUIT) it says `term` and ends at once with 0, as a careless server does: a request under way is then lost.
"""

import os
import signal
import socketserver
import threading

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


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

    def server_activate(self) -> None:
        say("ready")  # before anybody can connect, and say that he did
        super().server_activate()


LONGEST_S = 60
"""A test that kills the wrapper leaves nobody to end this."""


def main() -> None:
    signal.alarm(LONGEST_S)
    signal.pthread_sigmask(
        signal.SIG_BLOCK, SIGNALS
    )  # waited for: a handler can be late while its thread sleeps
    with Server(("127.0.0.1", int(os.environ["PORT"])), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while (received := signal.sigwait(SIGNALS)) == signal.SIGHUP:
            say("hup")
        say(received.name.removeprefix("SIG").lower())


if __name__ == "__main__":
    main()
