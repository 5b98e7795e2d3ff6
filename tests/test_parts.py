"""A part that cannot be had is said so, and is a failure where CI=true."""

import pytest
from tests.parts import Part, demand

NOTHING = Part(lambda: None, "nobody has it")


def test_a_part_that_is_there_is_returned() -> None:
    assert demand("shell", Part(lambda: "/bin/sh", ""), {"CI": "true"}) == "/bin/sh"


def test_a_missing_part_skips_here() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"part missing: nothing \(nobody has it\)"):
        demand("nothing", NOTHING, {})


def test_a_missing_part_fails_where_ci_is_true() -> None:
    with pytest.raises(pytest.fail.Exception, match="part missing: nothing"):
        demand("nothing", NOTHING, {"CI": "true"})
