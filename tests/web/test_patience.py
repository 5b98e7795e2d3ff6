"""How long a connection may keep us waiting, by the numbers alone."""

from muster.model import limits
from muster.web.patience import Patience

SOON = 0.1


def test_who_is_idle_is_given_up_and_who_is_being_answered_is_not() -> None:
    patience, end = Patience(1.0), 10.0 + limits.IDLE_TIMEOUT_S
    patience.read(10.0)
    assert [patience.over(at, unsent=0, idle=True) for at in (end, end + SOON)] == [False, True]
    assert not patience.over(end + SOON, unsent=0, idle=False)


def test_who_begins_a_request_has_to_end_it() -> None:
    patience, end = Patience(1.0), 10.0 + limits.REQUEST_TIMEOUT_S
    patience.read(5.0)
    patience.begun = 10.0
    assert [patience.over(at, unsent=0, idle=True) for at in (end, end + SOON)] == [False, True]


def test_who_takes_an_answer_slowly_is_waited_for_and_who_takes_nothing_is_not() -> None:
    patience, step = Patience(1.0), limits.STREAM_STALLED_S
    patience.stuck(900, 10.0)
    taking = [patience.over(10.0 + n * step, unsent=900 - n, idle=False) for n in (1, 2, 3)]
    assert taking == [False, False, False]
    assert patience.over(10.0 + 4 * step + SOON, unsent=897, idle=False)
