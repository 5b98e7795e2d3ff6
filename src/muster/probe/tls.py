"""TLS around any conversation, on `ssl`'s memory BIOs, so that it stays free of I/O like what it wraps."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from muster.model.check import Answer
from muster.probe.conversation import Conclusion, Conversation

_READ_BYTES = 16 * 1024
"""A TLS record's most (RFC 8446 5.1)."""


class TlsContexts:
    """One context per (verify, ALPN), made when first wanted: loading the system's certificates takes 20 ms.

    `ca_file`: a PEM file of certificate authorities to trust instead of the system's.
    """

    def __init__(self, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._made: dict[tuple[bool, str], ssl.SSLContext] = {}

    def get(self, *, verify: bool, alpn: str) -> ssl.SSLContext:
        key = (verify, alpn)
        context = self._made.get(key)
        if context is None:
            context = self._made[key] = self._make(verify, alpn)
        return context

    def _make(self, verify: bool, alpn: str) -> ssl.SSLContext:
        if verify:
            context = ssl.create_default_context(cafile=self._ca_file)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([alpn])
        return context


class TlsConversation:
    __slots__ = ("_incoming", "_inner", "_outgoing", "_shaken", "_tls", "conclusion")

    def __init__(self, inner: Conversation, context: ssl.SSLContext, server_name: str) -> None:
        self.conclusion: Conclusion | None = None
        self._inner = inner
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._shaken = False

    def opening(self) -> bytes:
        return self._say(self._shake_hands)

    def hear(self, data: bytes) -> bytes:
        self._incoming.write(data)
        return self._say(self._go_on)

    def hung_up(self) -> Conclusion:
        if self._shaken:
            return self._inner.hung_up()
        return Conclusion(Answer.FAILED, "closed the connection during the TLS handshake")

    def _say(self, step: Callable[[], None]) -> bytes:
        """Take a step as far as the bytes at hand allow; return what it wants sent."""
        try:
            step()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.conclusion = Conclusion(Answer.FAILED, f"TLS: {_reason(error)}")
        return self._outgoing.read()

    def _go_on(self) -> None:
        if not self._shaken:
            self._shake_hands()
        while self.conclusion is None:
            data = self._tls.read(_READ_BYTES)
            if data:
                self._reply(self._inner.hear(data))
            else:
                self.conclusion = self._inner.hung_up()

    def _shake_hands(self) -> None:
        self._tls.do_handshake()
        self._shaken = True
        self._reply(self._inner.opening())

    def _reply(self, data: bytes) -> None:
        if data:
            self._tls.write(data)
        self.conclusion = self._inner.conclusion


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's words without its file and line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()
