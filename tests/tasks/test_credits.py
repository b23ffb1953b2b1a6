"""credits: pairs of role and name out of lines with their places."""

from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa
import pytest

from cinelake.spec.task import Film, NoParams
from tasks.credits import ReadCredits
from tasks.credits.parsing import Credit, PlacedLine, credits_of, credits_of_cards, in_one_line


def line(
    text: str, row: float, x: float = 0.3, width: float = 0.2, speed: float = -0.1, time_s: float = 10.0
) -> PlacedLine:
    """A line in a row of 0.06, as it stands at time_s when the sheet rolls with its speed."""
    return PlacedLine(text, time_s - 1, time_s + 3, time_s, x, 0.1 + 0.06 * row, width, 0.04, speed)


def pairs(lines: list[PlacedLine]) -> list[tuple[str, str]]:
    return [(credit.role, credit.name) for credit in credits_of(lines)]


def left(text: str, row: float) -> PlacedLine:
    return line(text, row, x=0.45 - 0.012 * len(text), width=0.012 * len(text))


def right(text: str, row: float) -> PlacedLine:
    return line(text, row, x=0.55, width=0.012 * len(text))


def centred(text: str, row: float) -> PlacedLine:
    return line(text, row, x=0.5 - 0.006 * len(text), width=0.012 * len(text))


def test_a_role_stands_beside_its_name() -> None:
    lines = [left("Editor", 0), right("Ida Lund", 0), left("Music by", 1), right("Omar Quinn", 1)]
    assert pairs(lines) == [("Editor", "Ida Lund"), ("Music by", "Omar Quinn")]


def test_names_below_one_another_have_the_role_above() -> None:
    lines = [left("Gaffer", 0), right("Ida Lund", 0), right("Omar Quinn", 1), left("Key Grip", 2), right("Bo Ek", 2)]
    assert pairs(lines) == [("Gaffer", "Ida Lund"), ("Gaffer", "Omar Quinn"), ("Key Grip", "Bo Ek")]


def test_a_heading_across_both_columns_ends_a_role() -> None:
    lines = [left("Gaffer", 0), right("Ida Lund", 0), line("Second Unit Crew", 2, x=0.4, width=0.2), right("Bo Ek", 4)]
    lines += [left("Rigger", 5), right("Ann Ost", 5)]
    assert pairs(lines) == [("Gaffer", "Ida Lund"), ("Rigger", "Ann Ost")]


def test_names_beside_a_role_that_could_not_be_read_have_no_row() -> None:
    lines = [left("Gaffer", 0), right("Ida Lund", 0), left("", 1), right("Omar Quinn", 1), right("Bo Ek", 2)]
    lines += [left("Key Grip", 3), right("Ann Ost", 3)]
    lines[2] = line("", 1, x=0.35, width=0.1)
    assert pairs(lines) == [("Gaffer", "Ida Lund"), ("Key Grip", "Ann Ost")]


def test_a_block_begins_with_the_role() -> None:
    lines = [
        centred("Editor", 0),
        centred("Ida Lund", 1),
        centred("Omar Quinn", 2),
        centred("Gaffer", 4),
        centred("Bo", 5),
    ]
    assert pairs(lines) == [("Editor", "Ida Lund"), ("Editor", "Omar Quinn"), ("Gaffer", "Bo")]


def test_a_roll_is_put_together_from_several_pictures() -> None:
    early = [centred("Editor", 0), centred("Ida Lund", 1)]
    late = [centred("Gaffer", 3 - 10), centred("Bo Ek", 4 - 10)]
    late = [PlacedLine(**{**vars(each), "time_s": 16.0, "start_s": 11.0, "end_s": 19.0}) for each in late]
    assert pairs([*early, *late]) == [("Editor", "Ida Lund"), ("Gaffer", "Bo Ek")]


@pytest.mark.parametrize(
    ("text", "role", "name"),
    [
        ("Directed by Ida Lund", "Directed by", "Ida Lund"),
        ("Editor: Ida Lund", "Editor", "Ida Lund"),
        ("Gaffer ........ Bo Ek", "Gaffer", "Bo Ek"),
    ],
)
def test_one_line_can_say_both(text: str, role: str, name: str) -> None:
    assert list(in_one_line(line(text, 0))) == [Credit(role, name, 9.0)]


@pytest.mark.parametrize("first", ["FJORD FILM PRESENTS", "Ida Lund et Bo Ek présentent", "präsentiert"])
def test_what_somebody_presents_is_a_title_and_no_credit(first: str) -> None:
    assert pairs([centred(first, 0), centred("THE LONG WINTER", 1), *_below(3)]) == [("Editor", "Ida Lund")]


@pytest.mark.parametrize(
    "first",
    [
        "REALIZED WITH THE SUPPORT OF",
        "In association with",
        "Supported by",
        "Mit freundlicher Unterstützung von",
        "avec la participation de",
    ],
)
def test_who_helped_to_pay_is_no_credit(first: str) -> None:
    assert pairs([centred(first, 0), centred("Fjord Film Fund", 1), *_below(3)]) == [("Editor", "Ida Lund")]
    beside = [left(first, 0), right("Fjord Film Fund", 0), left("Editor", 1), right("Ida Lund", 1)]
    assert pairs(beside) == [("Editor", "Ida Lund")]


@pytest.mark.parametrize("role", ["Production Assistance", "Head of Support", "Help Desk", "Special Thanks to"])
def test_a_role_that_speaks_of_help_is_one(role: str) -> None:
    assert pairs([centred(role, 0), centred("Bo Ek", 1), *_below(3)])[0] == (role, "Bo Ek")


def _below(row: float) -> list[PlacedLine]:
    return [centred("Editor", row), centred("Ida Lund", row + 1)]


@pytest.mark.parametrize("text", ["Ida Lund", "http://example.org", "12:30", "…", "All characters in it are invented"])
def test_what_names_no_role_is_no_credit(text: str) -> None:
    assert credits_of([line(text, 0)]) == []


def test_a_credit_that_is_shown_twice_is_one() -> None:
    later = [PlacedLine(**{**vars(each), "start_s": 60.0, "end_s": 64.0, "time_s": 61.0}) for each in _two()]
    assert pairs([*_two(), *later]) == [("Editor", "Ida Lund")]


def _two() -> list[PlacedLine]:
    return [line("Editor", 0, speed=0.0), line("Ida Lund", 1, speed=0.0)]


def test_an_hour_of_credits_takes_no_hour() -> None:
    lines = []
    for number in range(3600):
        for each in (left(f"Role {number}", 0), right(f"Name Number{number}", 0)):
            lines.append(
                PlacedLine(**{**vars(each), "time_s": 1.0 * number, "start_s": number - 1.0, "end_s": number + 3.0})
            )
    assert len(credits_of(lines)) == 3600


def test_a_credit_that_is_shown_again_after_others_is_told_once() -> None:
    other = [line("Gaffer", 0, speed=0.0, time_s=60.0), line("Bo Ek", 1, speed=0.0, time_s=60.0)]
    again = [PlacedLine(**{**vars(each), "start_s": 90.0, "end_s": 94.0, "time_s": 91.0}) for each in _two()]
    assert pairs([*_two(), *other, *again]) == [("Editor", "Ida Lund"), ("Gaffer", "Bo Ek")]


def card(*texts: str) -> list[tuple[str, str]]:
    """What a card of these lines, one below the other, says."""
    lines = [PlacedLine(**{**vars(centred(text, row)), "speed": 0.0}) for row, text in enumerate(texts)]
    return [(credit.role, credit.name) for credit in credits_of_cards(lines)]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (("Directed by", "Ida Lund"), [("Directed by", "Ida Lund")]),
        (("DIRECTOR OF PHOTOGRAPHY", "BO EK"), [("DIRECTOR OF PHOTOGRAPHY", "BO EK")]),
        (("Written and Directed by Ida Lund",), [("Written and Directed by", "Ida Lund")]),
        (
            ("Produced by", "Ann Ost", "Omar van der Quinn"),
            [("Produced by", "Ann Ost"), ("Produced by", "Omar van der Quinn")],
        ),
        (("Editor", "Ann Ost", "Music by", "Bo Ek"), [("Editor", "Ann Ost"), ("Music by", "Bo Ek")]),
        (("Starring", "Ida Lund", "Bo Ek"), [("Starring", "Ida Lund"), ("Starring", "Bo Ek")]),
        (("Regie", "Ida Lund"), [("Regie", "Ida Lund")]),
        (("un film de", "Agnès Roche"), [("un film de", "Agnès Roche")]),
    ],
)
def test_a_card_of_an_opening_is_read_where_its_role_is_plain(texts: tuple[str, ...], told: list) -> None:
    assert card(*texts) == told


@pytest.mark.parametrize(
    "texts",
    [
        ("Ida Lund",),
        ("The Land of the Gatekeepers",),
        ("Stand by Me",),
        ("MUSIC", "Record Shop"),
        ("Hotel", "Astoria Palace"),
        ("Directed by", "12 people"),
        ("Editor",),
        ("Editor", ""),
        ("Paris, two years later", "Ida Lund"),
        ("Down by", "Ida Lund"),
    ],
)
def test_a_title_or_a_sign_is_no_credit(texts: tuple[str, ...]) -> None:
    assert card(*texts) == []


def test_cards_and_pages_of_one_film_are_told_once_in_their_order() -> None:
    opening = [PlacedLine(**{**vars(centred("Editor", 0)), "speed": 0.0, "start_s": 5.0, "end_s": 8.0}),
               PlacedLine(**{**vars(centred("Ida Lund", 1)), "speed": 0.0, "start_s": 5.0, "end_s": 8.0})]  # fmt: skip
    rows = [{**vars(each), "is_credit": False} for each in opening]
    rows += [{**vars(each), "is_credit": True} for each in [*_two(), centred("Gaffer", 3), centred("Bo Ek", 4)]]
    reader = SimpleNamespace(read=lambda columns: pa.Table.from_pylist(rows).select(columns))
    (batch,) = ReadCredits(NoParams(), Film("film")).run({"writing": reader})
    assert [(row["role"], row["name"]) for row in batch.to_pylist()] == [("Editor", "Ida Lund"), ("Gaffer", "Bo Ek")]


@pytest.mark.parametrize("rights", ["© 2010 Ida Lund", "(CC)Creative Commons Attribution 3.0", "Copyright Ida Lund"])
def test_a_line_about_rights_names_nobody(rights: str) -> None:
    lines = [centred("Made with Blender", 0), centred(rights, 1), centred("Editor", 3), centred("Bo Ek", 4)]
    assert pairs(lines) == [("Editor", "Bo Ek")]
