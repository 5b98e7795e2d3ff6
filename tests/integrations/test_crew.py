"""Who speaks for the workers of a server: one of them, whatever becomes of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.integrations.crews import Member, member

from muster.integrations.crew import Crew, directory


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[list[Member]]:
    """Three who have joined, one after the other."""
    with ExitStack() as stack:
        members = [stack.enter_context(member(tmp_path / "crews")) for _ in range(3)]
        for each in members:
            each.ask("join")
        yield members


def test_one_of_them_leads(crew: list[Member]) -> None:
    assert [each.ask("lead") for each in crew] == ["True", "False", "False"]
    assert [each.ask("lead") for each in crew] == ["True", "False", "False"]


def test_they_are_one_incarnation(crew: list[Member]) -> None:
    assert len({each.ask("incarnation") for each in crew}) == 1


def test_when_the_leader_dies_another_leads_under_the_same_incarnation(crew: list[Member]) -> None:
    first, second, _ = crew
    first.ask("lead")
    before = first.ask("incarnation")
    first.kill()
    assert second.ask("lead") == "True"
    assert second.ask("incarnation") == before


def test_who_joins_later_joins_the_same_start_of_the_server(crew: list[Member], tmp_path: Path) -> None:
    for each in crew[:2]:
        each.kill()
    with member(tmp_path / "crews") as recycled:
        recycled.ask("join")
        assert recycled.ask("incarnation") == crew[2].ask("incarnation")


def test_another_start_is_another_incarnation(crew: list[Member], tmp_path: Path) -> None:
    before = crew[0].ask("incarnation")
    for each in crew:
        each.kill()
    with member(tmp_path / "crews") as anew:
        anew.ask("join")
        assert anew.ask("incarnation") != before


def test_a_start_that_begins_while_the_last_one_ends_is_another(crew: list[Member], tmp_path: Path) -> None:
    crew[0].ask("lead")
    for each in crew:
        each.ask("retire")
    with member(tmp_path / "crews") as anew:
        anew.ask("join")
        assert anew.ask("incarnation") != crew[0].ask("incarnation")
        assert crew[1].ask("finished") == "True"
        assert anew.ask("lead") == "False"


def test_who_retires_is_not_counted_by_others(crew: list[Member]) -> None:
    first, second, third = crew
    for each in (second, third):
        assert first.ask("others") == "True"
        each.ask("retire")
    assert first.ask("others") == "False"
    assert third.ask("others") == "True"


def test_the_leaders_last_word_is_heard(crew: list[Member]) -> None:
    crew[0].ask("lead")
    assert crew[1].ask("finished") == "False"
    crew[0].ask("finish")
    assert crew[1].ask("finished") == "True"


def test_an_open_directory_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="can be written to by others"):
        Crew.meeting(tmp_path, "web")


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(PermissionError):
        Crew.meeting(tmp_path / "link", "web")


def test_where_nobody_can_meet_one_is_alone() -> None:
    crew = Crew.alone()
    crew.join()
    assert (crew.others(), crew.lead(), crew.finished) == (False, True, False)
    crew.finish()
    assert crew.finished
    crew.close()


def test_where_they_meet() -> None:
    assert directory({"XDG_RUNTIME_DIR": "/run/user/7"}) == Path("/run/user/7/muster")
    assert directory({}).name.startswith("muster-")
