"""1,000 probes a second from one loop: how late the loop runs, and what share of a core it takes.

    python -m bench.probe_load [--kind tcp|http|grpc|https|refused] [--rate 1000] [--seconds 20] [--profile]

The answering server runs in another process. Starts are spread as the registry's timers spread them; with `--burst`
a second's worth comes at once. The share of a core includes the lag's own sampling, about 3 %.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import multiprocessing
import pstats
import resource
import ssl
import time
from collections import Counter
from multiprocessing.connection import Connection
from typing import cast

import trustme
import uvloop
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded

from muster.probe import Probes
from muster.registry.prober import Finding, GrpcTarget, HttpTarget, Target, TcpTarget, Tls

TICK_S = 0.001
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class HttpServer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)
        self.transport.close()


class GrpcServer(HttpServer):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.h2 = H2Connection(H2Configuration(client_side=False))
        self.h2.initiate_connection()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, StreamEnded):
                self.h2.send_headers(1, [(":status", "200"), ("content-type", "application/grpc")])
                self.h2.send_data(1, b"\x00\x00\x00\x00\x02\x08\x01")
                self.h2.send_headers(1, [("grpc-status", "0")], end_stream=True)
        self.transport.write(self.h2.data_to_send())


SERVERS: dict[str, type[asyncio.Protocol]] = {
    "tcp": HttpServer,
    "http": HttpServer,
    "grpc": GrpcServer,
    "https": HttpServer,
    "refused": HttpServer,
}


def serve(kind: str, tell: Connection) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if kind == "https" else None
    if tls is not None:
        trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(SERVERS[kind], "127.0.0.1", 0, backlog=4096, ssl=tls)
        port = listener.sockets[0].getsockname()[1]
        if kind == "refused":
            listener.close()
        tell.send(port)
        await asyncio.Event().wait()

    uvloop.run(main())


def target(kind: str, port: int) -> Target:
    match kind:
        case "http" | "https":
            tls = Tls(verify=False) if kind == "https" else None
            return HttpTarget(
                host="127.0.0.1", port=port, timeout=2, path="/health", expect_body="ok", tls=tls
            )
        case "grpc":
            return GrpcTarget(host="127.0.0.1", port=port, timeout=2)
        case _:
            return TcpTarget(host="127.0.0.1", port=port, timeout=2)


class Lag:
    """How much later than asked a timer fires, sampled every millisecond."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.late: list[float] = []
        self._arm()

    def _arm(self) -> None:
        self._due = time.perf_counter() + TICK_S
        self.loop.call_later(TICK_S, self._ring)

    def _ring(self) -> None:
        self.late.append(max(0.0, time.perf_counter() - self._due))
        self._arm()

    def at(self, share: float) -> float:
        """Milliseconds."""
        return quantile(self.late, share)


class Tally:
    """What came back."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.outstanding = 0
        self.idle = asyncio.Event()

    def begun(self) -> None:
        self.outstanding += 1
        self.idle.clear()

    def done(self, finding: Finding) -> None:
        self.answers[finding.answer] += 1
        self.latencies.append(finding.latency)
        self.outstanding -= 1
        if not self.outstanding:
            self.idle.set()


async def load(asked: Target, rate: int, seconds: float, *, burst: bool) -> str:
    """Start `rate` probes a second for `seconds`: all at once each second, or a few every few milliseconds."""
    probes = Probes(allow_loopback=True)
    tally = Tally()
    per_round = rate if burst else max(1, rate // 200)
    lag = Lag()
    used, begun = cpu_seconds(), time.perf_counter()
    rounds = int(rate * seconds / per_round)
    for number in range(rounds):
        for _ in range(per_round):
            tally.begun()
            probes.start(asked, tally.done)
        await asyncio.sleep(begun + (number + 1) * per_round / rate - time.perf_counter())
    await tally.idle.wait()
    elapsed = time.perf_counter() - begun
    share = (cpu_seconds() - used) / elapsed
    probes.close()
    return (
        f"{rounds * per_round / elapsed:6.0f}/s  loop lag ms p50 {lag.at(0.5):5.2f} p99 {lag.at(0.99):5.2f} "
        f"max {lag.at(1):6.2f}  core {share:5.1%}  probe ms p50 {quantile(tally.latencies, 0.5):6.2f} "
        f"p99 {quantile(tally.latencies, 0.99):6.2f}  {', '.join(f'{n} {a}' for a, n in tally.answers.items())}"
    )


def quantile(seconds: list[float], share: float) -> float:
    """Milliseconds."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))] * 1e3 if seconds else 0.0


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=SERVERS, action="append")
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--burst", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    for kind in options.kind or list(SERVERS):
        here, there = multiprocessing.Pipe()
        server = multiprocessing.Process(target=serve, args=(kind, there), daemon=True)
        server.start()
        asked = target(kind, here.recv())
        with cProfile.Profile() if options.profile else contextlib.nullcontext() as profile:
            print(
                f"{kind:7} {'burst' if options.burst else 'even ':5}",
                uvloop.run(load(asked, options.rate, options.seconds, burst=options.burst)),
                flush=True,
            )
        if profile is not None:
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
