"""The messages of etcd's v3 API that we speak: the fields we use, under the numbers of etcd's `rpc.proto`, `kv.proto`, `auth.proto`.

The text below is the schema. It is read once at import into a descriptor pool of our own: another etcd client in this process,
which registers `rpc.proto` with protobuf's global pool, neither disturbs us nor is disturbed. Written as proto2, every field
knows whether it was set, which is how `oneof` members that are zero reach the wire; enumerations are their numbers.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SCHEMA = """
ResponseHeader: cluster_id 1 uint64, member_id 2 uint64, revision 3 int64, raft_term 4 uint64
KeyValue: key 1 bytes, create_revision 2 int64, mod_revision 3 int64, version 4 int64, value 5 bytes, lease 6 int64
Event: type 1 int32, kv 2 KeyValue

RangeRequest: key 1 bytes, range_end 2 bytes, limit 3 int64, revision 4 int64, keys_only 8 bool, max_mod_revision 11 int64
RangeResponse: header 1 ResponseHeader, kvs 2 KeyValue*, more 3 bool, count 4 int64
PutRequest: key 1 bytes, value 2 bytes, lease 3 int64
DeleteRangeRequest: key 1 bytes, range_end 2 bytes
Compare: result 1 int32, target 2 int32, key 3 bytes, create_revision 5 int64, mod_revision 6 int64
RequestOp: request_range 1 RangeRequest, request_put 2 PutRequest, request_delete_range 3 DeleteRangeRequest
ResponseOp: response_range 1 RangeResponse
TxnRequest: compare 1 Compare*, success 2 RequestOp*, failure 3 RequestOp*
TxnResponse: header 1 ResponseHeader, succeeded 2 bool, responses 3 ResponseOp*

WatchCreateRequest: key 1 bytes, range_end 2 bytes, start_revision 3 int64, progress_notify 4 bool
WatchRequest: create_request 1 WatchCreateRequest
WatchResponse: header 1 ResponseHeader, created 3 bool, canceled 4 bool, compact_revision 5 int64, cancel_reason 6 string, events 11 Event*

LeaseGrantRequest: TTL 1 int64
LeaseGrantResponse: header 1 ResponseHeader, ID 2 int64, TTL 3 int64
LeaseRevokeRequest: ID 1 int64
LeaseRevokeResponse: header 1 ResponseHeader
LeaseKeepAliveRequest: ID 1 int64
LeaseKeepAliveResponse: header 1 ResponseHeader, ID 2 int64, TTL 3 int64

AuthenticateRequest: name 1 string, password 2 string
AuthenticateResponse: header 1 ResponseHeader, token 2 string
"""

COMPARE_EQUAL = 0
TARGET_MOD = 2
EVENT_DELETE = 1

_PACKAGE = "muster.etcd"
_FIELD = re.compile(r"(\w+) (\d+) (\w+)(\*?)")
_TYPES = descriptor_pb2.FieldDescriptorProto


def _read(schema: str) -> dict[str, Any]:
    """Message classes by name."""
    file = descriptor_pb2.FileDescriptorProto(name="muster/etcd.proto", package=_PACKAGE, syntax="proto2")
    for line in filter(None, schema.splitlines()):
        name, _, fields = line.partition(": ")
        message = file.message_type.add(name=name)
        for field, number, kind, many in _FIELD.findall(fields):
            _add_field(message, field, int(number), kind, bool(many))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    classes = message_factory.GetMessageClassesForFiles([file.name], pool)
    return {name.removeprefix(f"{_PACKAGE}."): each for name, each in classes.items()}


def _add_field(message: Any, name: str, number: int, kind: str, many: bool) -> None:
    label = _TYPES.LABEL_REPEATED if many else _TYPES.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind[0].isupper():
        field.type, field.type_name = _TYPES.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    else:
        field.type = _TYPES.Type.Value(f"TYPE_{kind.upper()}")


MESSAGES: dict[str, Any] = _read(SCHEMA)
"""Made at run time, so that a type checker sees `Any`; the edges of this folder turn them into values of ours."""
