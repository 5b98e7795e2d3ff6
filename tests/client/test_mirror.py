"""The watch contract, folded without a socket."""

from tests.client.told import EPOCH, OTHER, Reader, alive, remove, snapshot, upsert, web

from muster.client.mirror import Leave, Resync
from muster.wire.events import AckEvent, GoAwayEvent, Position, ResetEvent, ResumedEvent


def bound() -> Reader:
    """A reader that has web-1 and web-2, at revision 10."""
    reader = Reader().opened()
    reader.hear(snapshot(10, web(1), web(2)), mark=10)
    return reader


def test_a_snapshot_is_published_whole() -> None:
    reader = bound()
    assert (reader.ids, reader.published["web"].revision) == (["web-1", "web-2"], 10)


def test_what_cannot_be_is_passed_over_and_both_ends_still_agree() -> None:
    reader = Reader().opened()
    odd = web(2, service="db")
    reader.hear(snapshot(10, web(1), odd), mark=10)
    assert reader.ids == ["web-1"]
    assert reader.hear(alive(10, [web(1), odd])) is None
    reader.hear(upsert(11, web(2, 11)), mark=11)
    assert reader.ids == ["web-1", "web-2"]
    assert reader.hear(alive(11, [web(1), web(2, 11)])) is None
    reader.hear(upsert(12, web(2, 12, port=-1)), upsert(13, web(1, 13, port=-1)), mark=13)
    assert (reader.ids, len(reader.mirrors.unreadable)) == ([], 3)
    reader.hear(remove(14, "web-2"), mark=14)
    assert reader.hear(alive(14, [web(1, 13)])) is None


def test_pages_are_published_together() -> None:
    reader = Reader().opened()
    assert reader.hear(snapshot(10, web(1), more=True)) is None
    assert reader.ids is None
    reader.hear(snapshot(10, web(2)), mark=10)
    assert reader.ids == ["web-1", "web-2"]


def test_no_such_service_differs_from_no_instances() -> None:
    reader = Reader("web", "empty").opened()
    reader.hear(snapshot(0), snapshot(7, service="empty", exists=True))
    assert {name: one.exists for name, one in reader.published.items()} == {"web": False, "empty": True}


def test_changes_with_more_are_one_state() -> None:
    reader = bound()
    reader.hear(upsert(11, web(3, 11), more=True))
    assert reader.ids is None
    reader.hear(remove(11, "web-1"), mark=11)
    assert reader.ids == ["web-2", "web-3"]


def test_an_instance_that_changes_keeps_its_place() -> None:
    reader = bound()
    reader.hear(upsert(11, web(1, 11, weight=5)), mark=11)
    assert reader.ids == ["web-1", "web-2"]


def test_what_is_known_already_wakes_nobody() -> None:
    reader = bound()
    reader.hear(upsert(9, web(9, 9)), upsert(10, web(9, 10)))
    assert reader.ids is None


def test_a_state_cut_in_the_middle_never_happened() -> None:
    reader = bound()
    reader.hear(upsert(11, web(3, 11), more=True))
    reader.opened().hear(ResumedEvent(12, settled=True), remove(12, "web-2"), mark=12)
    assert reader.ids == ["web-1"]


def test_a_stream_that_resumes_changes_nothing() -> None:
    reader = bound()
    assert reader.mirrors.resume == Position(EPOCH, 10)
    assert reader.opened().hear(ResumedEvent(10, settled=True)) is None
    assert reader.ids is None


def test_a_reader_with_half_its_services_does_not_resume() -> None:
    reader = Reader("web", "db").opened()
    reader.hear(snapshot(10, web(1)), mark=10)
    assert reader.mirrors.resume is None


def test_a_service_added_later_needs_snapshots() -> None:
    reader = bound()
    reader.mirrors.add("db")
    assert reader.mirrors.resume is None


def test_a_stream_that_resumes_from_nowhere_is_opened_again() -> None:
    assert isinstance(Reader().opened().hear(ResumedEvent(10, settled=True)), Resync)


def test_a_change_before_its_snapshot_is_not_guessed_at() -> None:
    assert isinstance(Reader().opened().hear(upsert(11, web(1))), Resync)
    reader = Reader("web", "db").opened()
    assert isinstance(reader.hear(snapshot(0, service="db"), upsert(11, web(1))), Resync)


def test_another_epoch_without_a_reset_is_not_believed() -> None:
    assert isinstance(bound().hear(upsert(11, web(3, 11)), mark=11, epoch=OTHER), Resync)


def test_events_of_services_nobody_asked_for_are_passed_over() -> None:
    reader = bound()
    assert reader.hear(snapshot(11, service="db")) is None
    assert reader.published == {}


def test_equal_digests_vouch_for_the_view() -> None:
    reader = bound()
    reader.now = 7.0
    assert reader.hear(alive(12, [web(1), web(2)], age_ms=1_500)) is None
    assert reader.mirrors.vouched == {"web": 5.5}
    assert reader.mirrors.position == Position(EPOCH, 12)


def test_another_digest_means_fetching_anew() -> None:
    reader = bound()
    assert isinstance(reader.hear(alive(10, [web(1)])), Resync)
    reader.mirrors.forget_position()
    assert reader.mirrors.resume is None


def test_a_snapshot_mends_a_view_of_the_same_revision() -> None:
    reader = bound()
    reader.mirrors.forget_position()
    reader.opened().hear(snapshot(10, web(1), web(2), web(3)), alive(10, [web(1), web(2), web(3)]), mark=10)
    assert reader.ids == ["web-1", "web-2", "web-3"]


def test_the_same_snapshot_again_wakes_nobody() -> None:
    reader = bound()
    reader.mirrors.forget_position()
    reader.opened().hear(snapshot(10, web(1), web(2)), mark=10)
    assert reader.ids is None


def test_in_the_middle_of_a_state_digests_are_not_compared() -> None:
    reader = bound()
    assert reader.hear(upsert(11, web(3, 11), more=True), alive(10, [web(1), web(2)])) is None
    assert reader.hear(upsert(11, web(4, 11), more=True), alive(10, [])) is None


def test_a_reader_ahead_of_its_stream_does_not_compare() -> None:
    reader = bound()
    reader.hear(upsert(15, web(3, 15)))
    reader.opened().hear(ResumedEvent(10, settled=True))
    assert reader.hear(alive(12, [web(1), web(2)])) is None


def test_the_digest_covers_all_services_of_the_stream() -> None:
    reader = Reader("web", "db").opened()
    db = web(9, 8, service="db", instance_id="db-9")
    reader.hear(snapshot(10, web(1)), snapshot(8, db, service="db"), mark=10)
    assert reader.hear(alive(10, [db, web(1)])) is None


def test_goaway_means_elsewhere() -> None:
    assert bound().hear(GoAwayEvent("stopping")) == Leave("stopping")


# --- within an epoch, readers never see a service go back


def test_a_registry_that_is_behind_is_not_shown() -> None:
    reader = bound()
    reader.hear(upsert(20, web(3, 20)), mark=20)
    reader.mirrors.forget_position()
    reader.opened().hear(snapshot(10, web(1), web(2)), mark=12)
    assert reader.ids is None


def test_and_is_shown_as_soon_as_it_has_caught_up() -> None:
    reader = bound()
    reader.hear(upsert(20, web(3, 20)), mark=20)
    reader.mirrors.forget_position()
    reader.opened().hear(snapshot(10, web(1), web(2)), mark=12)
    assert reader.hear(alive(12, [web(1), web(2)])) is None
    reader.hear(upsert(20, web(3, 20)), remove(21, "web-1"), mark=21)
    assert reader.ids == ["web-2", "web-3"]


def test_a_view_that_its_registry_is_behind_of_grows_old() -> None:
    reader = bound()
    reader.hear(upsert(20, web(3, 20)), mark=20)
    reader.mirrors.forget_position()
    reader.opened().hear(snapshot(10, web(1), web(2)), mark=12)
    reader.now = 9.0
    reader.hear(alive(12, [web(1), web(2)]))
    assert reader.mirrors.vouched == {"web": 0.0}


def test_a_registry_that_stays_behind_is_believed_in_the_end() -> None:
    reader = bound()
    reader.hear(upsert(20, web(3, 20)), mark=20)
    reader.mirrors.forget_position()
    reader.now = 1.0
    reader.opened().hear(snapshot(10, web(1), web(2)), mark=12)
    reader.now = 31.0
    reader.hear(alive(12, [web(1), web(2)]))
    assert (reader.ids, reader.published["web"].revision) == (["web-1", "web-2"], 10)


# --- a registry that lost its history


def test_a_reset_keeps_what_it_no_longer_lists() -> None:
    reader = bound()
    reader.hear(
        ResetEvent(OTHER, "another epoch"), snapshot(3, web(1, 3), settled=False), mark=4, epoch=OTHER
    )
    assert (reader.ids, reader.doubted) == (["web-1", "web-2"], {"web-2"})


def test_until_the_first_state_after_a_reset_everything_stays() -> None:
    reader = bound()
    reader.hear(ResetEvent(OTHER, "another epoch"), snapshot(3, web(1, 3), settled=False, more=True))
    assert reader.ids is None


def test_another_epoch_of_a_new_stream_is_a_reset() -> None:
    reader = bound().opened(OTHER)
    reader.hear(snapshot(0, settled=False), mark=1, epoch=OTHER)
    assert (reader.ids, reader.doubted) == (["web-1", "web-2"], {"web-1", "web-2"})


def test_a_settled_registry_ends_all_doubt() -> None:
    reader = bound().opened(OTHER)
    reader.hear(snapshot(0, settled=False), mark=1, epoch=OTHER)
    reader.hear(alive(1, settled=True))
    assert (reader.ids, reader.published["web"].exists) == ([], False)


def test_a_settled_reset_leaves_no_doubt() -> None:
    reader = bound()
    reader.hear(ResetEvent(OTHER, "restored"), snapshot(3, web(1, 3), settled=True), mark=3, epoch=OTHER)
    assert reader.ids == ["web-1"]


def test_what_registers_again_is_in_doubt_no_more() -> None:
    reader = bound().opened(OTHER)
    reader.hear(snapshot(0, settled=False), mark=1, epoch=OTHER)
    reader.hear(upsert(2, web(2, 2)), mark=2, epoch=OTHER)
    assert (sorted(reader.ids or []), reader.doubted) == (["web-1", "web-2"], {"web-1"})


def test_what_registers_under_another_id_replaces_what_was_at_its_address() -> None:
    reader = bound().opened(OTHER)
    reader.hear(snapshot(0, settled=False), mark=1, epoch=OTHER)
    reader.hear(upsert(2, web(1, 2, instance_id="new-1")), mark=2, epoch=OTHER)
    assert sorted(reader.ids or []) == ["new-1", "web-2"]


def test_what_the_registry_says_is_gone_is_gone() -> None:
    reader = bound().opened(OTHER)
    reader.hear(snapshot(0, settled=False), mark=1, epoch=OTHER)
    reader.hear(remove(2, "web-1"), mark=2, epoch=OTHER)
    assert reader.ids == ["web-2"]


def test_doubt_outlives_a_lost_stream() -> None:
    reader = bound().opened(OTHER)
    reader.hear(snapshot(0, settled=False), mark=1, epoch=OTHER)
    reader.mirrors.forget_position()
    reader.opened(OTHER).hear(snapshot(2, web(1, 2), settled=False), mark=2, epoch=OTHER)
    assert (reader.ids, reader.doubted) == (["web-1", "web-2"], {"web-2"})


def test_unconfirmed_endpoints_are_no_part_of_the_digest() -> None:
    reader = bound().opened(OTHER)
    reader.hear(snapshot(3, web(1, 3), settled=False), mark=3, epoch=OTHER)
    assert reader.hear(alive(3, [web(1, 3)], settled=False)) is None


def test_a_reset_within_the_epoch_may_go_back() -> None:
    reader = bound()
    reader.hear(ResetEvent(EPOCH, "reader ahead"), snapshot(5, web(1, 5), settled=True), mark=5)
    assert (reader.ids, reader.published["web"].revision) == (["web-1"], 5)


# --- acknowledgements


def test_a_revision_is_acknowledged_once_readers_have_it() -> None:
    reader = bound()
    reader.hear(remove(11, "web-1"), AckEvent("web", 11), mark=11)
    assert reader.mirrors.acknowledge() == {"web": 11}
    assert reader.mirrors.acknowledge() == {}


def test_an_acknowledgement_that_was_lost_is_told_again() -> None:
    reader = bound()
    reader.hear(remove(11, "web-1"), AckEvent("web", 11), mark=11)
    reader.mirrors.owe(reader.mirrors.acknowledge())
    assert reader.mirrors.acknowledge() == {"web": 11}


def test_an_acknowledgement_waits_for_its_revision() -> None:
    reader = bound()
    reader.hear(AckEvent("web", 11))
    assert reader.mirrors.acknowledge() == {}
    reader.hear(remove(11, "web-1"), mark=11)
    assert reader.mirrors.acknowledge() == {"web": 11}


def test_a_state_that_is_half_there_is_not_acknowledged() -> None:
    reader = bound()
    reader.hear(remove(11, "web-1", more=True), AckEvent("web", 11))
    assert reader.mirrors.acknowledge() == {}


def test_a_new_stream_owes_no_old_acknowledgement() -> None:
    reader = bound()
    reader.hear(AckEvent("web", 11))
    reader.opened().hear(ResumedEvent(10, settled=True), remove(11, "web-1"), mark=11)
    assert reader.mirrors.acknowledge() == {}


def test_a_snapshot_tells_what_differs_from_the_one_before() -> None:
    reader = Reader().opened()
    reader.hear(snapshot(10, web(1), web(2)))
    assert reader.published["web"].changes is None  # all of it
    reader.hear(upsert(11, web(2, 11)), upsert(12, web(3, 12)))
    assert reader.published["web"].changes == {"web-2": 11, "web-3": 12}
    reader.hear(remove(13, "web-1"), upsert(14, web(3, 14)))
    assert reader.published["web"].changes == {"web-1": 0, "web-3": 14}
    reader.hear(snapshot(15, web(3, 14)))
    assert reader.published["web"].changes is None


def test_what_was_not_published_is_told_with_what_is() -> None:
    reader = Reader().opened()
    reader.hear(snapshot(10, web(1)))
    reader.mirrors.receive(upsert(11, web(2, 11)), "", reader.now)
    reader.hear(remove(12, "web-1"))
    assert reader.published["web"].changes == {"web-2": 11, "web-1": 0}
