"""A champion that is applied to films unlike those that it has learned from is named; alike ones raise no alarm."""

from __future__ import annotations

import numpy as np

from cinelake.query.champion_drift import Difference, unlike
from cinelake.spec.arrays import Array

NAMES = [f"film_{number:02d}" for number in range(24)]
LEARNED, OTHERS = NAMES[:12], NAMES[12:]


def differences(values: Array, fewest: int = 8) -> list[Difference]:
    """Of measures (M, 24), the first twelve films learned from."""
    measured = [(("shots", f"m{number}", ""), NAMES, row) for number, row in enumerate(values)]
    return unlike(measured, LEARNED, OTHERS, fewest)


def drawn(seed: int, away: float = 0.0) -> Array:
    """Ten measures of 24 films of one kind, the third of the last twelve so many standard deviations away."""
    values = np.random.default_rng(seed).normal(size=(10, 24))
    values[2, 12:] += away
    return values


def test_the_measure_by_which_films_are_unlike_is_named_with_both_medians() -> None:
    values = drawn(1, away=-4)
    (found,) = differences(values)
    assert (found.measure, found.films) == ("m2", 12) and found.above < 0.05
    assert (found.learned, found.median) == (np.median(values[2, :12]), np.median(values[2, 12:]))


def test_films_of_one_kind_raise_an_alarm_in_less_than_one_of_twenty_catalogues() -> None:
    assert sum(bool(differences(drawn(seed))) for seed in range(100, 400)) < 15


def test_a_measure_that_is_nearly_the_same_everywhere_is_no_difference() -> None:
    assert differences(np.where(drawn(5) > 1.5, 3.01, 3.0)) == []


def test_few_films_say_nothing() -> None:
    assert differences(drawn(1, away=9), fewest=13) == []
