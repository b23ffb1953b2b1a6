"""writing: what is told of a script by letters that several scripts have."""

from __future__ import annotations

import pytest

from tasks.writing.scripts import may_be_of_another, unsure_lines


@pytest.mark.parametrize(
    ("text", "may"), [("MOCKBA", True), ("EXIT 12", True), ("HOTEL", False), ("A", False), ("", False)]
)
def test_capitals_may_be_of_several_scripts(text: str, may: bool) -> None:
    assert may_be_of_another(text) is may


def test_the_writing_around_decides_what_capitals_are() -> None:
    greek, unread, latin = (3.0, 5.0, "", True), (3.0, 5.0, "", False), (4.0, 6.0, "Hotel", False)
    capitals = (0.0, 2.0, "KAZAN", False)
    assert unsure_lines([capitals, greek]) == [True, False]
    assert unsure_lines([capitals, unread]) == [False, False]
    assert unsure_lines([capitals, unread, unread])[0] and not unsure_lines([capitals, unread, unread, latin])[0]
    assert not unsure_lines([capitals, greek, latin])[0]
    assert unsure_lines([capitals] * 3 + [unread]) == [True] * 3 + [False]
    assert not any(unsure_lines([capitals] * 9))
    assert not unsure_lines([capitals, (90.0, 91.0, "", True)])[0]
