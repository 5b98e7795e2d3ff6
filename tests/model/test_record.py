"""The status table: first match wins, and what is stored reads back."""

import msgspec
import pytest

from muster.model.check import Health
from muster.model.record import DISCOVERABLE, STATUSES, Facts, Status, decode, encode, reason_of, status_of
from muster.testing.builders import http_check, instance, record, ttl_check


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (Facts(), "healthy"),
        (Facts(ready=True), "healthy"),
        (Facts(ready=False), "starting"),
        (Facts(overdue=True), "healthy"),
        (Facts(checks={"a": "passing"}), "healthy"),
        (Facts(checks={"a": "unknown", "b": "passing"}), "starting"),
        (Facts(checks={"a": "warning", "b": "passing"}), "degraded"),
        (Facts(checks={"a": "warning", "b": "unknown"}), "starting"),
        (Facts(checks={"a": "failing", "b": "unknown"}), "unhealthy"),
        (Facts(ready=False, checks={"a": "failing"}), "unhealthy"),
        (Facts(unreachable=True), "unhealthy"),
        (Facts(unreachable=True, override="out_of_service"), "out_of_service"),
        (Facts(override="out_of_service", draining=True), "draining"),
        (Facts(draining=True, expired_at=1), "expired"),
    ],
)
def test_the_first_fact_that_matches_is_the_status(facts: Facts, status: Status) -> None:
    assert status_of(facts) == status


def test_only_healthy_and_degraded_ones_are_discoverable() -> None:
    assert {"healthy", "degraded"} == DISCOVERABLE


def test_every_status_says_why() -> None:
    assert {reason_of(Facts(expired_at=1)), reason_of(Facts())} < {why for *_, why in STATUSES}


@pytest.mark.parametrize(
    ("healths", "worst"),
    [
        ((), "passing"),
        (("passing", "warning"), "warning"),
        (("unknown", "warning"), "unknown"),
        (("unknown", "failing"), "failing"),
    ],
)
def test_health_is_the_worst_of_the_checks(healths: tuple[Health, ...], worst: Health) -> None:
    assert Facts(checks=dict(zip("abc", healths, strict=False))).health == worst


@pytest.mark.parametrize(
    "stored",
    [
        record(),
        record(instance(static=True, tags=("a",), metadata={"k": "v"}, checks=[http_check(), ttl_check()])),
        record(owner=b"\x00\xff", expired_at=5, checks={"health": "failing"}, ready=False),
    ],
)
def test_a_record_reads_back(stored: object) -> None:
    assert decode(encode(stored)) == stored  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bytes_", [b"", b"\xc1", encode(record())[:-3], msgspec.msgpack.encode({"instance": 1})]
)
def test_what_is_no_record_is_refused(bytes_: bytes) -> None:
    with pytest.raises((msgspec.ValidationError, msgspec.DecodeError)):
        decode(bytes_)
