"""Which copies are made, renewed, removed; and what is left alone."""

from __future__ import annotations

import pytest

from muster.cli.moving.comparing import Difference, differences
from muster.cli.moving.copying import Present, Steps, body, steps
from muster.cli.moving.source import ORIGIN
from muster.cli.moving.url import parse
from muster.model.errors import Rejected
from muster.testing.builders import instance
from muster.wire import registration

ORIGINS = "consul://old:8500"
HERE = ("web", "10.0.9.9", 80)
COPY, NATIVE, OTHER = Present(ORIGINS, HERE), Present("", HERE), Present("eureka://elsewhere", HERE)
ONE, TWO = body(instance("a"), ORIGINS, 60.0), body(instance("b"), ORIGINS, 60.0)


def test_new_ones_are_registered_known_ones_renewed_gone_ones_removed() -> None:
    here = {"a": COPY, "gone": COPY, "native": NATIVE, "other": OTHER}
    decided = steps({"a": ONE, "b": TWO}, here, {"a": ONE}, ORIGINS)
    assert decided == Steps(register={"b": TWO}, renew=("a",), remove=("gone",), moved=())


def test_a_changed_one_is_registered_again() -> None:
    assert steps({"a": ONE}, {"a": COPY}, {"a": TWO}, ORIGINS).register == {"a": ONE}


def test_who_registered_here_itself_is_left_alone() -> None:
    assert steps({"a": ONE}, {"a": NATIVE}, {"a": ONE}, ORIGINS) == Steps({}, (), (), ("a",))


def test_who_registered_here_under_another_id_is_known_by_the_address() -> None:
    itself = {"itself": Present("", ("web", "10.0.0.1", 80))}
    assert steps({"a": ONE}, itself, {}, ORIGINS) == Steps({}, (), (), ("a",))
    assert steps({"a": ONE}, {"a": COPY, **itself}, {"a": ONE}, ORIGINS) == Steps({}, (), ("a",), ("a",))
    elsewhere = {"itself": Present("", ("web", "10.0.0.1", 81))}
    assert steps({"a": ONE}, elsewhere, {}, ORIGINS).register == {"a": ONE}


def test_two_sources_with_the_same_instance_leave_each_others_copies_alone() -> None:
    """Each would take the other's for the instance itself, and remove its own."""
    there = {"a": COPY, "b": Present("eureka://elsewhere", ("web", "10.0.0.1", 80))}
    assert steps({"a": ONE}, there, {"a": ONE}, ORIGINS) == Steps({}, ("a",), (), ())


def test_a_source_that_lost_its_memory_takes_nobody_away() -> None:
    assert steps({}, {"a": COPY}, {"a": ONE}, ORIGINS) == Steps({}, ("a",), (), ())


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
