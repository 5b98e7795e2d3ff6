"""Equal parts of records become one object, and the records stay what they were."""

from __future__ import annotations

from msgspec.structs import replace

from muster.model import limits, record
from muster.model.instance import Endpoint, Instance
from muster.model.record import Facts, Record
from muster.model.sharing import Sharing

INSTANCE = Instance(
    "default",
    "web",
    "web-1",
    "10.0.0.1",
    (Endpoint("default", 80, "http"),),
    zone="a",
    tags=("blue",),
    metadata={"team": "x"},
)
RECORD = Record(INSTANCE, "one", Facts(), registered_at=1, changed_at=2)


def read(number: int, **fields: object) -> Record:
    """As it comes from a store: nothing of it is anybody else's."""
    instance = replace(INSTANCE, id=f"web-{number}", **fields)
    return record.decode(record.encode(replace(RECORD, instance=instance)))


def test_a_shared_record_is_still_itself() -> None:
    assert Sharing().share(read(7)) == read(7)


def test_what_two_records_both_say_is_one_object() -> None:
    sharing = Sharing()
    first, second = sharing.share(read(1)).instance, sharing.share(read(2)).instance
    assert first.endpoints is second.endpoints
    assert first.metadata is second.metadata
    assert first.lease is second.lease
    assert first.zone is second.zone


def test_no_metadata_and_no_tags_are_not_the_same_nothing() -> None:
    shared = Sharing().share(read(1, tags=(), metadata={}, endpoints=(Endpoint("", 1, "tcp"),))).instance
    assert (shared.tags, shared.metadata, shared.checks) == ((), {}, ())


def test_the_order_of_metadata_is_kept() -> None:
    sharing = Sharing()
    told = [{"a": "1", "b": "2"}, {"b": "2", "a": "1"}]
    kept = [list(sharing.share(read(n, metadata=pairs)).instance.metadata) for n, pairs in enumerate(told)]
    assert kept == [["a", "b"], ["b", "a"]]


def test_the_parts_are_bounded() -> None:
    sharing = Sharing()
    for number in range(limits.SHARED_PARTS // 1_000):
        sharing._parts.update((f"{number}-{n}", "") for n in range(1_000))
    sharing._parts["one too many"] = ""
    sharing.share(read(1))
    assert len(sharing) < 20
