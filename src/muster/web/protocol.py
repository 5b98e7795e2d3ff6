"""One connection. uvicorn's httptools protocol, with four things put before its ASGI path:

    memo     a look-up whose exact bytes were answered before is answered again without parsing: the head was
             judged then, and the same bytes deserve the same judgement
    heads    a client says the same header lines with each of its requests: lines that were parsed before are not
             parsed again, only the request line before them
    hot      heartbeats, look-ups and streams are answered inside the parser's callbacks, without a task
    bounds   head, header count, URL, body, idle time and request time

Everything else goes on to ASGI (`asgi.py`), with the same router, gate and handlers.

What a connection reads now is its phase; each is left as the table says, and any of the first four for `refused`:

    idle       nothing                                  -> head, with the first byte of a request
    head       a request line and headers               -> hot, if its route can be answered here and now; else cold
    hot        the body of a request for us             -> idle, answered; streaming; or cold, if the handler has to wait
    cold       the body of a request handed to uvicorn  -> idle
    streaming  nothing any more: the answer has no end
    refused    nothing any more: what came was no whole request, or too much of one
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from typing import Any, Literal

from msgspec import Struct
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from muster.model import limits
from muster.model.errors import Rejected
from muster.web.inflate import too_large
from muster.web.known import Known
from muster.web.listener import Listener
from muster.web.message import NO_CONTENT, Request, encode
from muster.web.patience import Patience
from muster.web.router import Match
from muster.web.stream import Stream

UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
DECLINED = b"\r\ndeclined:"
"""We take up no offer of another protocol (RFC 9110 section 7.8 lets us). The parser would, and lose the request's body over it;
so it is not shown the header. Java's HttpClient makes such an offer with every first request."""

log = logging.getLogger("muster.http")
quiet = logging.getLogger("muster.http.parser")
quiet.setLevel(logging.ERROR)  # Or whoever sends garbage writes our log.


Phase = Literal["idle", "head", "hot", "cold", "streaming", "refused"]
Turn = Literal["own", "earlier", "over"]
"""Whose answer comes next: that of the request being read; of an earlier one, which is not answered yet; or of none, for this one was
answered before its end."""


class Incoming(Struct):
    """The request being read. `more_head_bytes`: those of its head that did not come with the first; `match` is None until the head
    is read, and where nothing matches. `chunks` of a body are kept for a hot one alone."""

    match: Match | None = None
    head_bytes: int = 0
    more_head_bytes: int = 0
    body_bytes: int = 0
    chunks: list[bytes] = []


class Refused(Exception):
    """The request was refused before it was whole; the connection cannot be read further."""


class MusterProtocol(HttpToolsProtocol):
    """`listener` is set by `bound_to`: uvicorn makes protocols itself."""

    listener: Listener

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = quiet
        self.cycle: RequestResponseCycle | None = None  # type: ignore[assignment]
        self.url = b""
        self.headers = []
        self.stream: Stream | None = None
        self.peer = ""
        self.source = ""
        self.waiting: asyncio.Event | None = None
        self._phase: Phase = "idle"
        self._incoming = Incoming()
        self._whole = b""
        self._known = self.listener.memo.answers
        self._patience = Patience(0.0)

    # --- Connection -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host, port = self.client or ("local", 0)
        self.source = host
        self.peer = f"{host}:{port}"
        self._patience = Patience(self.listener.seconds)
        if not self.listener.admit(self):
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self.listener.forget(self)
        if self.waiting is not None:
            self.waiting.set()
        if self.stream is not None:
            stream, self.stream = self.stream, None
            self.listener.lost(stream)
        super().connection_lost(exc)

    def gone(self) -> bool:
        return self.transport.is_closing()

    def cut(self) -> None:
        self.transport.abort()

    def pause_writing(self) -> None:
        self._patience.stuck(self.transport.get_write_buffer_size(), self.listener.seconds)
        if self.stream is not None:
            self.stream.full()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._patience.unsent = 0
        super().resume_writing()
        if self.stream is not None:
            self.stream.writable()

    def timeout_keep_alive_handler(self) -> None:
        """uvicorn's timer, which knows nothing of the requests answered hot; `overdue` ends idle connections."""

    def overdue(self, now: float) -> bool:
        """Whether the other side keeps us waiting for too long: to take an answer, to end a request, or to begin one."""
        idle = self._phase != "streaming" and not self._answering
        return self._patience.over(now, unsent=self.transport.get_write_buffer_size(), idle=idle)

    @property
    def _answering(self) -> bool:
        """An answer of the ASGI side is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    # --- Reading ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._phase == "idle":
            self._whole = data
            if not self._patience.unsent and not self._answering and self._answer_known(data):
                return
        elif self._phase == "streaming" or self._phase == "refused":
            return
        elif self._phase == "head":
            self._incoming.more_head_bytes += len(data)  # A header without end is not reported by the parser.
        if data.find(b"pgrade:", 0, limits.HEAD_BYTES) > 0:
            data = UPGRADE.sub(DECLINED, data)
        super().data_received(data)
        self._whole = b""
        if self._phase == "head" and self._incoming.more_head_bytes > limits.HEAD_BYTES:
            self._end_with(Rejected("head_too_large", f"a head has at most {limits.HEAD_BYTES} bytes"))

    def _answer_known(self, data: bytes) -> bool:
        """Answer without the parser what it need not see: bytes, or header lines, that were judged before."""
        known = self._known.get(data)
        if known is not None:
            self._patience.read(self.listener.seconds)
            self.transport.write(known.answer())
            return True
        listener = self.listener
        read = listener.memo.read(data)
        if read is None:
            return False
        method, url, headers = read
        try:
            match = listener.router.match(method, url.partition(b"?")[0].decode("ascii"))
        except Rejected:
            return False
        if match.route.hot is None:
            return False
        self.url, self.headers = url, [*headers]
        self._patience.read(listener.seconds)
        return self._answer_hot(self._request(match, method, b""), match, modern=True, keep=True)

    def send_400_response(self, msg: str) -> None:
        """The parser gave up: because of what it read, or because a callback refused to read on."""
        if self._phase != "refused" and self._phase != "streaming":
            self._end_with(Rejected("invalid_request", "this is no HTTP request"))

    def on_message_begin(self) -> None:
        if self._phase == "streaming":
            raise Refused
        self._phase, self._incoming = "head", Incoming()
        self._patience.begun = self.listener.seconds
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > limits.URL_BYTES:
            self._refuse(Rejected("head_too_large", f"a URL has at most {limits.URL_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        self._incoming.head_bytes += len(name) + len(value)
        if len(self.headers) > limits.HEADERS or self._incoming.head_bytes > limits.HEAD_BYTES:
            detail = f"a head has at most {limits.HEADERS} headers and {limits.HEAD_BYTES} bytes"
            self._refuse(Rejected("head_too_large", detail))

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= limits.PIPELINED_REQUESTS:
            self._refuse(Rejected("overloaded", "too many requests before their answers"))
        method = self.parser.get_method().decode("ascii")
        raw_path, _, _ = self.url.partition(b"?")
        try:
            match = self._incoming.match = self.listener.router.match(method, raw_path.decode("latin-1"))
        except Rejected:
            self._go_cold()  # The ASGI path says what is wrong, after the body.
            return
        if match.route.hot is None or self.expect_100_continue or self._answering or self._patience.unsent:
            self._go_cold()  # Which waits for its turn, and for the reader to take what is there.
        else:
            self._phase = "hot"

    def on_body(self, body: bytes) -> None:
        incoming = self._incoming
        incoming.body_bytes += len(body)
        limit = incoming.match.route.body_limit if incoming.match else limits.BODY_BYTES
        if incoming.body_bytes > limit:
            self._refuse(too_large(limit))
        if self._phase == "hot":
            incoming.chunks.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._patience.read(self.listener.seconds)
        hot, self._phase = self._phase == "hot", "idle"
        if not (hot and self._answered_hot()):
            super().on_message_complete()
            self._phase = "idle"

    def _answered_hot(self) -> bool:
        """Answer the whole request; if its handler has to wait, hand it to uvicorn but for its end."""
        match, chunks = self._incoming.match, self._incoming.chunks
        assert match is not None
        modern = self.parser.get_http_version() == "1.1"
        keep = modern and self.parser.should_keep_alive()
        request = self._request(match, self.parser.get_method().decode("ascii"), b"".join(chunks))
        if self._answer_hot(request, match, modern=modern, keep=keep):
            if keep:
                self.listener.memo.keep_headers(self._whole, self.headers)
            return True
        self._go_cold()
        for chunk in chunks:
            super().on_body(chunk)
        return False

    # --- Answering --------------------------------------------------------------------------------------------------

    def _answer_hot(self, request: Request, match: Match, *, modern: bool, keep: bool) -> bool:
        """Answer now; False if the handler needs to wait. `modern`: asked over HTTP/1.1; `keep`: the connection stays."""
        answer = self.listener.ask(request, match, can_stream=modern and request.method == "GET")
        plain = request.method != "HEAD"
        if answer is None:
            return False
        if isinstance(answer, Stream):
            self._take_over(answer)
        elif answer is NO_CONTENT and keep:
            self.transport.write(self.listener.no_content)
        elif isinstance(answer, Known) and plain and keep:
            self.listener.memo.keep_answer(self._whole, answer)
            self.transport.write(answer.answer())
        else:
            response = answer.response() if isinstance(answer, Known) else answer
            self.transport.write(encode(response, self.listener.date, close=not keep, head_only=not plain))
            if not keep:
                self.transport.close()
        return True

    def _request(self, match: Match, method: str, body: bytes) -> Request:
        path, _, query = self.url.partition(b"?")
        return Request(method, path.decode("latin-1"), query, self.headers, body, match.params, self)

    def _go_cold(self) -> None:
        """Hand the request to uvicorn's ASGI path, as if it had parsed it."""
        self._phase = "cold"
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expects
        self.scope["muster.connection"] = self  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()
        self.scope["muster.cycle"] = self.cycle  # type: ignore[typeddict-unknown-key]

    def _refuse(self, error: Rejected) -> None:
        """Refuse a request that is not whole yet: what follows on this connection cannot be told apart from it."""
        self._end_with(error)
        raise Refused

    def _end_with(self, error: Rejected) -> None:
        """The last we say here, if it is this request's turn to be answered."""
        turn, self._phase = self._turn(), "refused"
        raw_path = self.url.partition(b"?")[0].decode("latin-1")
        refusal = self.listener.failed(error, "what is no request yet", raw_path, self.headers)
        if turn == "earlier":
            self.transport.close()
            return
        if turn == "own":
            self._take_back()
            self.transport.write(encode(refusal, self.listener.date, close=True))
        self._hang_up()

    def _turn(self) -> Turn:
        """Of which request the other side would take what we say now for the answer."""
        cold = self._phase == "cold"
        if self._answering and (self.pipeline or not cold):
            return "earlier"
        return "over" if cold and not self._answering else "own"

    def _take_back(self) -> None:
        """If uvicorn has the request already, it says nothing more about it."""
        if self._answering:
            self.cycle.disconnected = True  # type: ignore[union-attr]
            self.cycle.message_event.set()  # type: ignore[union-attr]

    def _hang_up(self) -> None:
        """Say no more, and wait a little for the other side to do so: a connection that is closed with bytes unread is reset,
        and our answer lost with it (RFC 9112 section 9.6)."""
        self._patience.begun = self.listener.seconds
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _take_over(self, stream: Stream) -> None:
        self._phase, self.stream = "streaming", stream
        self.transport.set_write_buffer_limits(high=limits.STREAM_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # A reader whose machine is gone acknowledges nothing. Linux would go on trying for a quarter of an hour.
            bare = self.transport.get_extra_info("socket")
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.STREAM_STALLED_S * 1000))
        stream.start(self.transport, self.listener.date)

    # --- The server's side of the end -------------------------------------------------------------------------------

    def shutdown(self) -> None:
        if self.stream is not None:
            self.stream.go_away("this registry is shutting down")
        elif self._phase == "refused":
            self.transport.close()
        else:
            super().shutdown()


def bound_to(listener: Listener) -> type[MusterProtocol]:
    """The protocol class for uvicorn's configuration."""
    return type("BoundProtocol", (MusterProtocol,), {"listener": listener})
