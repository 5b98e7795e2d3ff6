"""The two forms of Eureka's documents: JSON for whoever asks for it, XML for everybody else.

In JSON a list stays a list though it has one item; the names with two underscores are what XStream made of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from muster.model.errors import Rejected, invalid

from . import shape, xml
from .info import InstanceInfo
from .pieces import Piece

_encoder: Final = msgspec.json.Encoder()


class Form(Struct, frozen=True):
    """`read` is a registration's body; `instance` one instance as part of a document; `application` some of one app, and
    `applications` some apps, as documents without their braces or tags."""

    name: str
    media: bytes
    read: Callable[[bytes], InstanceInfo]
    instance: Callable[[InstanceInfo], bytes]
    application: Callable[[str, Sequence[bytes]], bytes]
    applications: Callable[[str, str, Sequence[Piece]], list[Piece]]
    document: Callable[[str, bytes], bytes]


def of_accept(header: str) -> Form:
    """Eureka's own rule: XML unless JSON is named (`ApplicationsResource`)."""
    return JSON if "json" in header.lower() else XML


def of_media(header: str) -> Form:
    """The form of a request's body."""
    return XML if "xml" in header.lower() else JSON


# --- JSON -------------------------------------------------------------------------------------------------------------


def _read_json(body: bytes) -> InstanceInfo:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("invalid_json", str(error)) from None
    match document:
        case {"instance": dict() as fields}:
            return shape.read(fields)
    raise invalid("instance", "must be an object")


def _json_instance(info: InstanceInfo) -> bytes:
    return _encoder.encode(shape.show(info))


def _json_application(name: str, instances: Sequence[bytes]) -> bytes:
    return b'{"name":%b,"instance":[%b]}' % (_encoder.encode(name), b",".join(instances))


def _json_applications(version: str, hashcode: str, applications: Sequence[Piece]) -> list[Piece]:
    head = f'{{"applications":{{"versions__delta":"{version}","apps__hashcode":"{hashcode}","application":['
    pieces = [Piece(head.encode())]
    for application in applications:
        pieces += (application, _COMMA)
    return [*(pieces[:-1] if applications else pieces), Piece(b"]}}")]


def _json_document(root: str, inside: bytes) -> bytes:
    return b'{"%b":%b}' % (root.encode(), inside)


# --- XML --------------------------------------------------------------------------------------------------------------


def _read_xml(body: bytes) -> InstanceInfo:
    return shape.read(xml.parse(body, "instance"))


def _xml_instance(info: InstanceInfo) -> bytes:
    fields: dict[str, Any] = {}
    for name, value in shape.show(info).items():
        fields["overriddenstatus" if name == "overriddenStatus" else name] = value  # as XStream spells it
    return xml.tell("instance", fields).encode()


def _xml_application(name: str, instances: Sequence[bytes]) -> bytes:
    return b"<application>%b%b</application>" % (xml.tell("name", name).encode(), b"".join(instances))


def _xml_applications(version: str, hashcode: str, applications: Sequence[Piece]) -> list[Piece]:
    head = f"<applications>{xml.tell('versions__delta', version)}{xml.tell('apps__hashcode', hashcode)}"
    return [Piece(head.encode()), *applications, Piece(b"</applications>")]


def _xml_document(root: str, inside: bytes) -> bytes:
    """What is inside names its own root."""
    return inside


_COMMA: Final = Piece(b",")
JSON: Final = Form(
    "json",
    b"application/json",
    _read_json,
    _json_instance,
    _json_application,
    _json_applications,
    _json_document,
)
XML: Final = Form(
    "xml", b"application/xml", _read_xml, _xml_instance, _xml_application, _xml_applications, _xml_document
)
