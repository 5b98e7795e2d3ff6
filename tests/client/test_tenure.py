"""The life of a registration, in virtual time."""

from random import Random

from muster.client.tenure import Tenure


def registered(interval: float | None = 10.0) -> Tenure:
    tenure = Tenure(0.0, Random(1))
    tenure.granted(0.0, generation=5, interval=interval)
    return tenure


def wait(tenure: Tenure) -> float:
    deadline = tenure.next_deadline()
    assert deadline is not None
    return deadline


def test_it_registers_at_once() -> None:
    assert Tenure(3.0, Random(1)).due(3.0) == "register"


def test_heartbeats_keep_within_the_interval() -> None:
    tenure, now = registered(), 0.0
    for _ in range(50):
        before, now = now, wait(tenure)
        assert 5.0 <= now - before <= 10.0
        assert tenure.due(now) == "renew"
        tenure.renewed(now)


def test_nothing_is_due_before_its_time() -> None:
    assert registered().due(4.9) is None


def test_without_a_lease_nothing_is_renewed() -> None:
    tenure = registered(interval=None)
    assert (tenure.next_deadline(), tenure.leased) == (None, False)


def test_a_failed_heartbeat_is_tried_again_soon_then_less_often(seed: int) -> None:
    tenure = Tenure(0.0, Random(seed), retry=1.0, longest=5.0)
    tenure.granted(0.0, 5, 10.0)
    waits = []
    for _ in range(6):
        tenure.failed(100.0)
        waits.append(wait(tenure) - 100.0)
    assert 0.5 <= waits[0] <= 1.0
    assert 2.5 <= waits[-1] <= 5.0


def test_three_heartbeats_fail_within_one_lease() -> None:
    """30 s of lease, lost at the first interval: there is time for more than three attempts."""
    tenure, now, attempts = registered(), 10.0, 0
    while now < 30.0:
        tenure.failed(now)
        now, attempts = wait(tenure), attempts + 1
    assert attempts > 3


def test_a_registry_that_forgot_it_hears_of_it_again() -> None:
    tenure = registered()
    tenure.unknown(7.0)
    assert (tenure.state, tenure.due(7.0)) == ("registering", "register")


def test_a_draining_one_never_registers_again() -> None:
    tenure = registered()
    tenure.drain()
    assert tenure.due(10.0) == "renew"
    tenure.unknown(10.0)
    assert (tenure.state, tenure.next_deadline()) == ("left", None)


def test_a_superseded_one_is_silent_for_good() -> None:
    tenure = registered()
    tenure.supersede()
    tenure.failed(20.0)
    tenure.unknown(20.0)
    assert (tenure.state, tenure.next_deadline(), tenure.over) == ("superseded", None, True)


def test_one_that_left_before_it_was_registered_takes_it_back() -> None:
    tenure = Tenure(0.0, Random(1))
    tenure.drain()
    assert tenure.state == "left"
    tenure.granted(1.0, 5, 10.0)
    assert tenure.due(1.0) == "withdraw"


def test_one_that_left_does_nothing_more() -> None:
    tenure = registered()
    tenure.leave()
    tenure.renewed(1.0)
    tenure.failed(2.0)
    assert (tenure.state, tenure.next_deadline()) == ("left", None)
