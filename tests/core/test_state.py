"""State, snapshots and feed: one fold, seen from any revision."""

from muster.core.feed import Feed
from muster.core.state import Change, ServiceKey, State
from muster.model import limits
from muster.model.record import Record
from muster.testing.builders import instance, record
from muster.wire import view as wire_view
from muster.wire.filters import ALL, DEFAULT, Filter

WEB = ServiceKey("default", "web")
API = ServiceKey("default", "api")


def put(id: str, service: str = "web", **facts: object) -> tuple[str, Record]:
    return f"default/{id}", record(instance(id, service), generation=0, **facts)


def gone(id: str) -> tuple[str, None]:
    return f"default/{id}", None


def seen(changes: list[Change] | None) -> list[tuple[int, str, str, str]] | None:
    """(revision, service, id, what happened), for comparing."""
    return changes and [
        (c.revision, c.service.name, c.id, f"{c.before and c.before.revision}>{c.after and c.after.revision}")
        for c in changes
    ]


def test_a_generation_is_the_revision_of_its_registration() -> None:
    state = State()
    state.apply(7, [put("a")])
    found = state.get("default/a")
    assert found is not None
    assert (found.record.generation, found.revision) == (7, 7)


def test_changes_tell_before_and_after() -> None:
    state = State()
    state.apply(1, [put("a")])
    assert seen(state.apply(2, [put("a"), put("b"), gone("a"), gone("c")])) == [
        (2, "web", "a", "1>2"),
        (2, "web", "b", "None>2"),
        (2, "web", "a", "2>None"),
    ]


def test_a_record_that_moves_to_another_service_leaves_the_first() -> None:
    state = State()
    state.apply(1, [put("a")])
    changes = state.apply(2, [put("a", "api")])
    assert seen(changes) == [(2, "web", "a", "1>None"), (2, "api", "a", "None>2")]
    assert (state.snapshot(WEB).exists, state.snapshot(API).exists, list(state.services())) == (
        False,
        True,
        [API],
    )


def test_a_snapshot_is_made_once_and_stays_as_it_is() -> None:
    state = State()
    state.apply(1, [put("b"), put("a")])
    first = state.snapshot(WEB)
    state.apply(2, [put("x", "api")])
    same = state.snapshot(WEB)
    state.apply(3, [gone("a")])
    assert (first is same, [e.id for e in first.entries], first.revision) == (True, ["a", "b"], 1)
    assert ([e.id for e in state.snapshot(WEB).entries], state.snapshot(WEB).revision) == (["b"], 3)


def test_what_does_not_exist_is_empty_at_the_present_revision() -> None:
    state = State("e", 9)
    snapshot = state.snapshot(WEB)
    assert (snapshot.exists, snapshot.entries, snapshot.revision) == (False, (), 9)


def test_a_loaded_service_never_goes_back_behind_what_was_told_before() -> None:
    """The last change of a service may have been a removal, of which the store's records know nothing."""
    before = State()
    before.apply(1, [put("a"), put("b")])
    before.apply(2, [gone("b")])
    after = State("e", 2)
    after.load([(record(instance("a")), 1)])
    assert after.snapshot(WEB).revision >= before.snapshot(WEB).revision


def test_a_view_admits_what_the_filter_asks_for() -> None:
    state = State()
    state.apply(1, [put("up"), put("down", unreachable=True), put("going", draining=True)])
    snapshot = state.snapshot(WEB)
    views = {
        "default": DEFAULT,
        "all": ALL,
        "unhealthy": Filter(statuses=("unhealthy",)),
        "elsewhere": Filter(zone="b"),
    }
    assert {name: [e.id for e in snapshot.view(f).entries] for name, f in views.items()} == {
        "default": ["up"],
        "all": ["down", "going", "up"],
        "unhealthy": ["down"],
        "elsewhere": [],
    }


def test_views_are_kept_and_bounded() -> None:
    state = State()
    state.apply(1, [put("a")])
    snapshot = state.snapshot(WEB)
    first = snapshot.view(DEFAULT)
    for n in range(limits.VIEWS_PER_SNAPSHOT - 1):
        snapshot.view(Filter(zone=str(n)))
    assert snapshot.view(DEFAULT) is first
    snapshot.view(Filter(zone="one more"))
    assert snapshot.view(DEFAULT) is not first


def test_statuses_are_counted_as_they_change() -> None:
    state = State()
    state.apply(1, [put("a"), put("b"), put("c", "api")])
    state.apply(2, [put("a", draining=True), gone("c")])
    state.apply(3, [put("b", "api")])
    assert state.statuses(WEB) == {"draining": 1}
    assert state.statuses(API) == {"healthy": 1}
    assert state.statuses(ServiceKey("default", "none")) == {}


def test_a_view_keeps_the_latest_of_what_it_made() -> None:
    view = State().snapshot(WEB).view(DEFAULT)
    made: list[int] = []
    for n in range(limits.MADE_PER_VIEW + 1):
        view.once(f"delta {n}", lambda: made.append(0))
    assert view.once("delta 1", lambda: "anew") != "anew"
    assert view.once("delta 0", lambda: "anew") == "anew"


def test_what_a_view_makes_is_made_once() -> None:
    state = State()
    state.apply(1, [put("a")])
    made = []
    view = state.snapshot(WEB).view(DEFAULT)
    assert [view.once("x", lambda: made.append(1) or "made") for _ in range(3)] == ["made"] * 3
    assert made == [1]


def test_a_digest_says_which_instances_at_which_change() -> None:
    state = State()
    state.apply(1, [put("a"), put("b")])
    terms = [wire_view.digest_term("a", 1, 1), wire_view.digest_term("b", 1, 1)]
    assert state.snapshot(WEB).view(DEFAULT).digest == sum(terms) % 2**64


# --- Feed -----------------------------------------------------------------------------------------------------------


def told(feed: Feed, service: ServiceKey, revision: int) -> list[tuple[int, str]] | None:
    changes = feed.since(service, revision)
    return None if changes is None else [(c.revision, c.id) for c in changes]


def fed(*, room: int, start: int = 0) -> Feed:
    """web changes at odd revisions, api at even ones, up to 6."""
    state, feed = State(revision=start), Feed(start, room=room)
    for revision in range(start + 1, start + 7):
        service = "web" if revision % 2 else "api"
        feed.append(state.apply(revision, [put(f"i{revision}", service)]))
    return feed


def test_a_reader_gets_its_services_changes_above_its_position() -> None:
    feed = fed(room=99)
    assert [told(feed, WEB, 0), told(feed, WEB, 3), told(feed, WEB, 6), told(feed, API, 4)] == [
        [(1, "i1"), (3, "i3"), (5, "i5")],
        [(5, "i5")],
        [],
        [(6, "i6")],
    ]


def test_what_fell_off_can_no_longer_be_told() -> None:
    feed = fed(room=2)
    assert [told(feed, WEB, 2), told(feed, WEB, 3), told(feed, API, 3), told(feed, API, 4)] == [
        None,
        [(5, "i5")],
        None,
        [(6, "i6")],
    ]


def test_a_quiet_service_is_told_from_far_back() -> None:
    quiet = ServiceKey("default", "quiet")
    assert told(fed(room=2), quiet, 0) == []


def test_nothing_is_told_from_before_the_beginning() -> None:
    feed = fed(room=99, start=10)
    assert [told(feed, WEB, 9), told(feed, WEB, 10)] == [None, [(11, "i11"), (13, "i13"), (15, "i15")]]


def test_half_a_transaction_is_never_told() -> None:
    feed = Feed(0, room=1)
    feed.append(State().apply(5, [put("a"), put("b")]))
    assert [told(feed, WEB, 4), told(feed, WEB, 5)] == [None, []]


def test_the_first_change_above_a_revision() -> None:
    feed = fed(room=99)
    assert [feed.first_after(WEB, 0), feed.first_after(WEB, 1), feed.first_after(WEB, 5)] == [1, 3, None]
