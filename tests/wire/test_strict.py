"""What strangers send is refused in words that name the field and say what may stand there."""

import msgspec
import pytest

from muster.model.errors import Rejected
from muster.wire import strict
from muster.wire.registration import RegisterBody

DECODER = msgspec.json.Decoder(RegisterBody)


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ('{"port": "80"}', "port", "must be a whole number or null, not text"),
        ('{"tags": [1]}', "tags[0]", "must be text, not a whole number"),
        ('{"checks": {}}', "checks", "must be a list or null, not an object"),
        ('{"checks": [{"kind": "htp"}]}', "checks[0].kind", "must be one of 'http', 'tcp', 'grpc', 'ttl'"),
        ('{"status": "up"}', "status", "must be one of 'starting', 'healthy'"),
        ('{"checks": [{}]}', "checks[0].kind", "is required"),
        ('{"prot": 1}', "prot", "is not a field here"),
        ('{"port": 1, "port": 2}', "port", "is there twice"),
    ],
)
def test_a_refusal_names_the_field_and_what_it_may_be(body: str, field: str, detail: str) -> None:
    with pytest.raises(Rejected) as refused:
        strict.decode(DECODER, body.encode())
    assert (refused.value.code, refused.value.field, refused.value.detail) == (
        "invalid_request",
        field,
        detail,
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("[]", "must be an object, not a list"),
        ("", "not JSON: Input data was truncated"),
    ],
)
def test_what_is_no_object_has_no_field(body: str, detail: str) -> None:
    with pytest.raises(Rejected) as refused:
        strict.decode(DECODER, body.encode())
    assert (refused.value.code, refused.value.field, refused.value.detail) == ("invalid_json", None, detail)
