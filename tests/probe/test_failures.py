"""What an errno says, before anything was sent, before the connection, and after."""

import errno

import pytest

from muster.model.check import Answer
from muster.probe.failures import after_connection, before_connection, before_sending


@pytest.mark.parametrize(
    ("number", "unsent", "unconnected"),
    [
        (errno.ECONNREFUSED, Answer.REFUSED, Answer.REFUSED),
        (errno.ECONNRESET, Answer.REFUSED, Answer.REFUSED),
        (errno.ENETUNREACH, Answer.SILENT, Answer.SILENT),
        (errno.EHOSTUNREACH, Answer.SILENT, Answer.SILENT),
        (errno.ETIMEDOUT, Answer.UNASKED, Answer.SILENT),
        (errno.EMFILE, Answer.UNASKED, Answer.SILENT),
        (errno.EADDRNOTAVAIL, Answer.UNASKED, Answer.SILENT),
        (errno.EPERM, Answer.UNASKED, Answer.SILENT),
    ],
)
def test_where_it_went_wrong_decides_what_it_proves(number: int, unsent: Answer, unconnected: Answer) -> None:
    assert before_sending(number).answer is unsent
    assert before_connection(number).answer is unconnected
    assert after_connection(number).answer is Answer.FAILED
