"""Notes: what says the same of many films is told once, and nothing else is lost."""

from cli.notes import together


def test_a_note_of_many_films_is_told_once():
    notes = [f"film_{number}: pictures counted at 25 a second" for number in range(5)]
    assert together(notes) == ["5 films: pictures counted at 25 a second (film_0, film_1, film_2 and 2 more)"]


def test_how_films_were_found_is_told_once_with_some_of_them():
    notes = [f"'Film {number}.mp4' is film_{number} (by its file name)" for number in range(4)]
    assert together(notes) == [
        "4 films: by its file name ('Film 0.mp4' is film_0, 'Film 1.mp4' is film_1, 'Film 2.mp4' is film_2 and 1 more)"
    ]


def test_what_is_said_of_few_or_differs_stays_as_it_is():
    notes = ["the column 'file' is taken for the film", "dawn: 24 a second", "dusk: 25 a second", "dawn: 24 a second"]
    assert together(notes) == ["the column 'file' is taken for the film", *["dawn: 24 a second"] * 2, notes[2]]


def test_what_is_said_of_one_film_again_and_again_is_of_one_film():
    assert together(["dawn: a mark has no end"] * 4) == ["dawn: a mark has no end"] * 4
