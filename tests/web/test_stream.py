"""A stream and its socket: what is said when there is nobody to hear it."""

from muster.core.state import ServiceKey
from muster.httpapi.frames import LatestFrames
from muster.httpapi.watch import Subscription, Watch
from muster.server.app import Running
from muster.testing.server import LocalRegistry
from muster.web.stream import Stream
from muster.wire.filters import DEFAULT


class Wire:
    """A transport that, once closed, refuses to be written to, as uvloop's do."""

    def __init__(self) -> None:
        self.closed = False

    def write(self, data: bytes) -> None:
        if self.closed:
            raise RuntimeError("the handler is closed")

    def close(self) -> None:
        self.closed = True


def lose_one(running: Running) -> None:
    asked = Subscription((ServiceKey("default", "web"),), DEFAULT, (), False, None)
    watch, wire = Watch(running.registry, LatestFrames(), asked, "s1", "127.0.0.1:1"), Wire()
    stream = Stream(running.listener.pulse, watch, ())
    stream.start(wire, b"")
    wire.close()
    running.listener.lost(stream)
    watch.reset("another history")
    stream.beat()
    stream.go_away("shutting down")


def test_a_stream_whose_socket_is_gone_says_nothing() -> None:
    with LocalRegistry() as registry:
        registry.do(lose_one)
