"""What a failed call to etcd means: was it certainly not done, or may it have been?

The status codes are gRPC's; the texts are those of etcd's `api/v3rpc/rpctypes/error.go`.
"""

from __future__ import annotations

from enum import Enum

import grpc

from muster.registry.store import StoreUnavailable


class Meaning(Enum):
    """What to make of a failure."""

    REFUSED = "certainly not done; another endpoint says the same"
    ELSEWHERE = "certainly not done; another endpoint may do it"
    DOUBT = "done or not, nobody said"
    SIGN_IN = "the token is no longer taken"
    COMPACTED = "the revision is no longer kept"


class CallFailed(Exception):
    """A call that did not get its answer. The message says what helps."""

    def __init__(self, meaning: Meaning, message: str) -> None:
        super().__init__(message)
        self.meaning = meaning


_TEXTS: tuple[tuple[str, Meaning, str], ...] = (
    ("required revision has been compacted", Meaning.COMPACTED, ""),
    ("invalid auth token", Meaning.SIGN_IN, ""),
    (
        "user name is empty",
        Meaning.REFUSED,
        "this etcd asks for a user: write etcd://USER@HOST and set etcd.password_file",
    ),
    ("authentication failed", Meaning.REFUSED, "check the user of the URL and etcd.password_file"),
    (
        "authentication is not enabled",
        Meaning.REFUSED,
        "this etcd has no users: leave the user out of the URL",
    ),
    (
        "permission denied",
        Meaning.REFUSED,
        "grant the user read and write on the prefix: etcdctl role grant-permission --prefix=true",
    ),
    (
        "database space exceeded",
        Meaning.REFUSED,
        "its quota is used up: compact and defragment it, then etcdctl alarm disarm",
    ),
    ("too many requests", Meaning.ELSEWHERE, ""),
    ("no leader", Meaning.ELSEWHERE, "it has no leader: is a majority of its members up?"),
    ("not capable", Meaning.ELSEWHERE, ""),
    (
        "request is too large",
        Meaning.REFUSED,
        "raise --max-request-bytes of etcd to its default of 1.5 MiB at least",
    ),
    (
        "too many operations in txn",
        Meaning.REFUSED,
        "raise --max-txn-ops of etcd to its default of 128 at least",
    ),
)
"""(part of the text, what it means, what helps)"""

_CODES = {
    grpc.StatusCode.UNAUTHENTICATED: Meaning.SIGN_IN,
    grpc.StatusCode.PERMISSION_DENIED: Meaning.REFUSED,
    grpc.StatusCode.INVALID_ARGUMENT: Meaning.REFUSED,
    grpc.StatusCode.FAILED_PRECONDITION: Meaning.REFUSED,
    grpc.StatusCode.NOT_FOUND: Meaning.REFUSED,
    grpc.StatusCode.UNIMPLEMENTED: Meaning.REFUSED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Meaning.REFUSED,
    grpc.StatusCode.OUT_OF_RANGE: Meaning.REFUSED,
}
"""Any other code leaves it open whether the call was carried out."""
_NEVER_SENT = (
    "failed to connect",
    "connection refused",
    "dns resolution failed",
    "errors resolving",
    "name resolution",
    "handshake",
)
"""gRPC's words for a connection that never came to be: nothing was sent over it."""
_WHY_NOT = (
    ("resolving", "is that its name? nobody resolves it"),
    ("dns resolution", "is that its name? nobody resolves it"),
    (
        "certificate_verify_failed",
        "its certificate is not signed by etcd.ca: name the authority that signed it",
    ),
    ("hostname verification", "its certificate is for other names: write one of them into the URL"),
    (
        "unwrap failed",
        "it does not take our certificate: set etcd.cert and etcd.key to one that its --trusted-ca-file has signed",
    ),
    ("handshake read failed", "does it speak TLS? write etcd:// if it does not"),
    (
        "security handshaker",
        "one of etcd.ca, etcd.cert and etcd.key is no PEM, or the key is that of another certificate",
    ),
    ("socket closed", "it closed the connection: write etcds:// if it speaks TLS"),
)
"""(part of gRPC's words for why a connection never came to be, what helps)"""


def explain(target: str, code: grpc.StatusCode, details: str) -> CallFailed:
    """What the failure of a call to `target` means, with what helps."""
    text = details.lower()
    for part, meaning, remedy in _TEXTS:
        if part in text:
            return CallFailed(meaning, f"etcd at {target}: {details}" + (f"; {remedy}" if remedy else ""))
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return CallFailed(Meaning.DOUBT, f"etcd at {target} did not answer in time")
    if code is grpc.StatusCode.UNAVAILABLE and any(words in text for words in _NEVER_SENT):
        helps = next((words for part, words in _WHY_NOT if part in text), "is it running?")
        return CallFailed(
            Meaning.ELSEWHERE, f"etcd at {target} cannot be reached: {helps} ({_short(details)})"
        )
    return CallFailed(_CODES.get(code, Meaning.DOUBT), f"etcd at {target}: {_short(details) or code.name}")


def _short(details: str) -> str:
    return details if len(details) <= 200 else details[:199] + "…"


def unavailable(failed: CallFailed) -> StoreUnavailable:
    return StoreUnavailable(str(failed))
