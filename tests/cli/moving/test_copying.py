"""Which copies are made, renewed, removed; and what is left alone."""

from __future__ import annotations

import pytest

from muster.cli.moving.comparing import Difference, differences
from muster.cli.moving.copying import Steps, body, steps
from muster.cli.moving.source import ORIGIN, parse
from muster.model.errors import Rejected
from muster.testing.builders import instance
from muster.wire import registration

ORIGINS = "consul://old:8500"
ONE, TWO = body(instance("a"), ORIGINS, 60.0), body(instance("b"), ORIGINS, 60.0)


def test_new_ones_are_registered_known_ones_renewed_gone_ones_removed() -> None:
    here = {"a": ORIGINS, "gone": ORIGINS, "native": "", "other": "eureka://elsewhere"}
    decided = steps({"a": ONE, "b": TWO}, here, {"a": ONE}, ORIGINS)
    assert decided == Steps(register={"b": TWO}, renew=("a",), remove=("gone",), moved=())


def test_a_changed_one_is_registered_again() -> None:
    assert steps({"a": ONE}, {"a": ORIGINS}, {"a": TWO}, ORIGINS).register == {"a": ONE}


def test_who_registered_here_itself_is_left_alone() -> None:
    assert steps({"a": ONE}, {"a": ""}, {"a": ONE}, ORIGINS) == Steps({}, (), (), ("a",))


def test_a_source_that_lost_its_memory_takes_nobody_away() -> None:
    assert steps({}, {"a": ORIGINS}, {"a": ONE}, ORIGINS) == Steps({}, ("a",), (), ())


def test_a_copy_is_a_registration_with_its_origin() -> None:
    import msgspec

    told = registration.parse(msgspec.json.encode(ONE), "default")
    assert told.instance.metadata == {ORIGIN: ORIGINS}
    assert (told.instance.host, told.instance.port, told.instance.lease) == (
        "10.0.0.1",
        80,
        told.instance.lease,
    )


def test_differences_are_of_the_services_there() -> None:
    there = {"web": frozenset({"a:1", "b:1"}), "same": frozenset({"c:1"})}
    here = {"web": frozenset({"b:1", "n:1"}), "same": frozenset({"c:1"}), "new": frozenset({"d:1"})}
    assert differences(there, here) == [Difference("web", ("a:1",), ("n:1",))]


@pytest.mark.parametrize(
    "url", ["", "host:8500", "http://host", "consul://", "consul+ftp://h", "consul://h?x=1", "eureka://h:x"]
)
def test_what_cannot_be_followed(url: str) -> None:
    with pytest.raises((ValueError, Rejected)):
        parse(url)


def test_an_origin_tells_no_password() -> None:
    assert parse("eureka://me:secret@host:8761/eureka/").origin == "eureka://host:8761/eureka"
