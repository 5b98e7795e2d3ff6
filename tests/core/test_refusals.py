"""A refused connection is proof, unless a firewall makes it; and nothing is kept of who is refused no more."""

from tests.core.scene import Scene

from muster.core.commands import Deregister
from muster.core.refusals import Refusals
from muster.model.check import Answer
from muster.testing.builders import instance, register

A = [f"a{n}" for n in range(10)]


def scene_of_ten() -> Scene:
    scene = Scene()
    scene.add(*A, zone="a")
    scene.run(2, *A)
    return scene


def test_refusals_of_a_zone_that_goes_on_renewing_are_a_firewalls() -> None:
    scene = scene_of_ten()
    scene.answers.update(dict.fromkeys(A, Answer.REFUSED))
    scene.lose(*A)
    scene.run(15, *A)
    assert scene.statuses(*A) == ["healthy"] * 10


def test_refusals_of_a_zone_that_fell_silent_are_proof() -> None:
    scene = scene_of_ten()
    scene.answers.update(dict.fromkeys(A, Answer.REFUSED))
    scene.lose(*A)
    scene.run(15)
    assert scene.statuses(*A) == ["unhealthy"] * 10


def test_when_the_firewall_is_gone_a_refusal_is_proof_again() -> None:
    scene = scene_of_ten()
    scene.answers.update(dict.fromkeys(A, Answer.REFUSED))
    scene.lose(*A)
    scene.run(15, *A)
    scene.answers.clear()
    scene.lose(*A)
    scene.run(60, *A)
    scene.answers["a0"] = Answer.REFUSED
    scene.lose("a0")
    scene.run(1, *A)
    assert scene.statuses(*A[:2]) == ["unhealthy", "healthy"]


def test_whoever_dies_behind_the_firewall_has_left_before_the_lease_ends() -> None:
    scene = scene_of_ten()
    scene.answers.update(dict.fromkeys(A, Answer.REFUSED))
    scene.lose(*A)
    scene.run(15, *A)
    scene.run(28)
    assert scene.statuses(*A) == ["unhealthy"] * 10


# --- What is kept ---------------------------------------------------------------------------------------------------


def refused(scene: Scene) -> Refusals:
    """Of ten, all are refused, and found to be so."""
    scene.answers.update(dict.fromkeys(A, Answer.REFUSED))
    scene.lose(*A)
    scene.run(0.5, *A)
    kept = scene.machine._refusals
    assert kept.of("a") == [f"default/{id}" for id in A]
    return kept


def test_who_moves_to_another_zone_is_refused_there_or_nowhere() -> None:
    """The same process says that it is elsewhere."""
    scene = scene_of_ten()
    kept = refused(scene)
    scene.add("a0", zone="b")
    assert (len(kept), len(kept.of("a")), kept.of("b")) == (9, 9, [])
    scene.do(register(instance("a1", zone="b", host="a1"), incarnation="another"))
    assert (len(kept), len(kept.of("a")), kept.of("b")) == (8, 8, [])


def test_an_answer_for_the_last_process_says_nothing_of_the_next() -> None:
    """A probe is on its way while its instance is registered anew, in another zone."""
    scene = scene_of_ten()
    scene.answers["a0"] = Answer.REFUSED
    scene.lose("a0")
    scene.do(register(instance("a0", zone="b", host="a0"), incarnation="another"))
    scene.answers.clear()
    scene.run(0.5, *A)
    assert len(scene.machine._refusals) == 0


def test_nothing_is_kept_of_who_left() -> None:
    kept = refused(scene := scene_of_ten())
    for id in A:
        scene.do(Deregister(f"default/{id}", 0, b""))
    assert len(kept) == 0


def test_a_key_is_in_one_zone() -> None:
    kept = Refusals({})
    kept.found("a", "k", 1.0)
    kept.found("b", "k", 2.0)
    assert (kept.of("a"), kept.of("b"), len(kept)) == ([], ["k"], 1)
