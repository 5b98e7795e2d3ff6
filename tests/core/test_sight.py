"""Sight: who was heard, and who can be asked whether anybody is."""

from muster.core.sight import FirstProbes, Sight
from muster.core.zone import Zone
from muster.model import limits


def zone(name: str, leased: int, heard: float) -> Zone:
    made = Zone(name)
    made.leased, made.heard = leased, heard
    return made


def test_a_zone_is_lost_when_nobody_of_it_was_heard_since() -> None:
    sight = Sight({"a": zone("a", 3, heard=10.0), "b": zone("b", 3, heard=20.0)})
    assert [sight.lost("a", 9.0), sight.lost("a", 10.0), sight.lost("b", 10.0)] == [False, True, False]


def test_who_has_a_zone_to_itself_is_compared_with_the_others() -> None:
    sight = Sight({"a": zone("a", 1, heard=10.0), "b": zone("b", 3, heard=20.0)})
    assert [sight.lost("a", 15.0), sight.lost("a", 20.0), sight.lost("static", 15.0)] == [False, True, False]


def test_alone_in_the_world_there_is_nobody_to_compare_with() -> None:
    assert not Sight({"a": zone("a", 1, heard=10.0)}).lost("a", 99.0)


def test_the_latest_few_who_answered_are_witnesses() -> None:
    sight = Sight({"a": zone("a", 9, heard=0.0)})
    for n in range(limits.WITNESSES + 2):
        sight.answered("a", f"k{n}")
    assert sight.ask("a", "k4", 0.0) == ["k2", "k3"]


def test_witnesses_are_not_asked_all_the_time() -> None:
    sight = Sight({"a": zone("a", 9, heard=0.0)})
    sight.answered("a", "k")
    asked = [sight.ask("a", "other", at) for at in (0.0, 0.1, limits.WITNESS_PAUSE_S)]
    assert asked == [["k"], [], ["k"]]


def test_a_witness_that_is_gone_is_not_asked() -> None:
    sight = Sight({"a": zone("a", 9, heard=0.0)})
    sight.answered("a", "k")
    sight.forget("a", "k")
    assert sight.ask("a", "other", 0.0) == []


def test_first_probes_come_first_come_first_served() -> None:
    first = FirstProbes(0.0)
    names = [str(n) for n in range(int(limits.REACH_PROBES_BURST) + 2)]
    for name in names:
        first.put(name)
    first.forget("0")
    now, later = first.due(0.0), first.next_deadline(0.0)
    assert later is not None
    assert (now, first.due(1.0), first.next_deadline(1.0)) == (names[1:-1], names[-1:], None)
