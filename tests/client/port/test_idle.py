"""The rule that says when the last request has been answered."""

from muster.client.port.connections import Connection
from muster.client.port.idle import DOUBT_S, IDLE_S, LATE_S, Idleness, patience

ANSWERED = Connection(queued=0, received_ago=2.0, sent_ago=1.5, received=100, sent=900, acked_ago=1.46)
DOUBTFUL = ANSWERED._replace(received_ago=1.5, acked_ago=1.5)
UNUSED = Connection(queued=0, received_ago=3.0, sent_ago=3.0, received=0, sent=0, acked_ago=3.0)


def test_answered_and_still_open_is_waited_for_no_longer() -> None:
    assert patience(ANSWERED) == IDLE_S - 1.5


def test_a_request_without_an_answer_yet_is_busy() -> None:
    assert patience(ANSWERED._replace(received_ago=1.0)) == IDLE_S


def test_a_first_request_is_busy_even_if_it_came_with_the_connection() -> None:
    """Both ages then count from the same instant."""
    assert patience(UNUSED._replace(received=100)) == IDLE_S


def test_a_connection_nobody_used_is_quiet() -> None:
    assert patience(UNUSED) < 0


def test_what_came_and_went_in_one_tick_is_given_longer() -> None:
    assert patience(DOUBTFUL) == DOUBT_S - 1.5


def test_a_later_acknowledgement_settles_a_doubt() -> None:
    assert patience(DOUBTFUL._replace(acked_ago=1.46)) == IDLE_S - 1.5


def test_bytes_in_the_kernel_are_busy() -> None:
    assert patience(ANSWERED._replace(queued=1)) == IDLE_S


def test_where_times_are_not_known_open_is_busy() -> None:
    assert patience(Connection(queued=0)) == IDLE_S


def test_without_connections_idle_comes_after_a_while() -> None:
    idleness = Idleness(10.0)
    assert idleness.look((), 10.0) == idleness.look((), 10.05) == 10.0 + IDLE_S


def test_where_nothing_is_known_it_is_the_same() -> None:
    assert Idleness(10.0).look(None, 10.1) == 10.0 + IDLE_S


def test_a_busy_connection_puts_it_off() -> None:
    idleness = Idleness(10.0)
    assert idleness.look([ANSWERED, ANSWERED._replace(queued=1)], 10.1) == 10.1 + IDLE_S
    assert idleness.look([ANSWERED], 10.2) == 10.1 + IDLE_S


def test_a_connection_quiet_for_long_does_not() -> None:
    assert Idleness(10.0).look([ANSWERED], 10.1) == 10.0 + IDLE_S


def test_time_in_which_we_could_not_look_does_not_count() -> None:
    idleness = Idleness(10.0)
    assert idleness.look((), 10.4) == 10.0 + IDLE_S + (0.4 - LATE_S)
    assert idleness.look((), 12.0) == 10.0 + IDLE_S + (0.4 - LATE_S) + (1.6 - LATE_S)
