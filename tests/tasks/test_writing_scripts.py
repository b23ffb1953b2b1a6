"""writing: what is told of a script by letters that several scripts have."""

from __future__ import annotations

import pytest

from tasks.writing.scripts import is_of_another_script, may_be_of_another, unsure_lines


@pytest.mark.parametrize(
    ("text", "may"),
    [
        *(("MOCKBA", True), ("EXIT 12", True), ("HOTEL", False), ("A", False), ("", False)),
        *(("Chung cu", True), ("Biên kich", True), ("Nhà bà N", True), ("Chung", False), ("Stand by Me", False)),
    ],
)
def test_capitals_may_be_of_several_scripts_and_syllables_of_vietnamese(text: str, may: bool) -> None:
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
    assert unsure_lines([(0.0, 2.0, "Chung cu", False), greek]) == [True, False]
    assert not unsure_lines([capitals, (90.0, 91.0, "", True)])[0]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        *(
            ("Đao din", False),
            ("Đào din", True),
            ("ngươi Hà Ni", True),
            ("ĐƯNG PH", True),
            ("bô phim cua đa", True),
            ("thành phồ", True),
            ("Biên kch", True),
            ("Tôi thy hoa vàng trn", True),
            ("Dòng máu anh hng", True),
            ("Đt phuong Nam", True),
            ("Phu đ", True),
        ),
        *(("Mlle Brun à St Denis", False), ("Mrs Dalloway à Paris, 3 km", False), ("Môj krk, smrť", False)),
        *(
            ("Só na tv à noite", False),
            ("Mgr Lebrun à Rome", False),
            ("25 mm à côté", False),
            ("Psst, à demain", False),
        ),
        *(("Trn i đak", False), ("Às três, DVD e TV", False), ("L'été à la mer", False), ("C'è un film", False)),
        *(("Đorđe Šešlija", False), ("Orașul în amurg", False), ("Le café d'été", False), ("São João", False)),
    ],
)
def test_vietnamese_is_known_by_letters_that_no_other_language_has(text: str, is_one: bool) -> None:
    """The reader has these, but not those with tones: what else the line says is a guess."""
    assert is_of_another_script(text) is is_one
