"""The numbers of DNS that we speak, with the names under which they are counted (IANA: Domain Name System Parameters)."""

from __future__ import annotations

from typing import Final

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
PTR: Final = 12
HINFO: Final = 13
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
OPT: Final = 41
IXFR: Final = 251
AXFR: Final = 252
ANY: Final = 255

TYPES: Final = {
    A: "A",
    NS: "NS",
    CNAME: "CNAME",
    SOA: "SOA",
    PTR: "PTR",
    TXT: "TXT",
    AAAA: "AAAA",
    SRV: "SRV",
    ANY: "ANY",
}
"""Types with a count of their own; all others are counted as `other`."""
OTHER_TYPE: Final = "other"

TRANSFERS: Final = frozenset({AXFR, IXFR})

IN: Final = 1
CLASSES: Final = frozenset({IN, 255})
"""The Internet, and whoever asks for any class (QCLASS `*`)."""

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16

RCODES: Final = {
    NOERROR: "NOERROR",
    FORMERR: "FORMERR",
    SERVFAIL: "SERVFAIL",
    NXDOMAIN: "NXDOMAIN",
    NOTIMP: "NOTIMP",
    REFUSED: "REFUSED",
    BADVERS: "BADVERS",
}

NOT_READY: Final = 14
"""Extended error (RFC 8914): we cannot say yet."""
NOT_AUTHORITATIVE: Final = 20
"""Extended error (RFC 8914): the name is in none of our zones."""
