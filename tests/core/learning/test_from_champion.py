"""A champion that is brought up to date with later labels, without learning anew: judged by the gate like any other."""

from __future__ import annotations

import pytest
from core.learning import _continuing_model
from core.learning._taught import Project

from cinelake.errors import CannotTrain
from cinelake.lake.cells import Lake
from cinelake.lake.champions import open_applied, read_champion_record
from cinelake.spec.artefact import Artefact


@pytest.fixture
def continuing(labelled: Project, own_models) -> Project:
    """The project with a model that can go on."""
    own_models(_continuing_model.MODEL)
    return labelled


def version(project: Project, number: int) -> Artefact:
    lake = Lake(project.load().lake.place)
    applied = read_champion_record(lake, "loud").find(str(number))
    assert applied is not None
    return open_applied(lake, applied)


def test_a_model_goes_on_from_the_champion_and_the_gate_judges_it(continuing):
    continuing.train()
    continuing.write("{loud: {config: {shift: 1.0}}}")
    summary = continuing.train(from_champion=True)
    first, second = (float(version(continuing, n).arrays["threshold"]) for n in (1, 2))
    assert second == pytest.approx(first + 0.5)
    assert summary.champion_version == 1 and "champion's" in summary.why


def test_films_that_the_champion_learned_from_count_as_learned_from(continuing):
    continuing.train()
    continuing.label(continuing.add_films(5, start=12))
    continuing.run()
    continuing.train(from_champion=True)
    assert set(version(continuing, 1).trained_on) < set(version(continuing, 2).trained_on)


def test_without_a_champion_there_is_nothing_to_go_on_from(continuing):
    with pytest.raises(CannotTrain, match="no champion to go on from"):
        continuing.train(from_champion=True)


def test_a_champion_that_knows_the_held_out_films_is_refused(continuing):
    from cinelake.learning.versions import promote

    promote(continuing.load(), "loud", continuing.train(all_films=True).version)
    with pytest.raises(CannotTrain, match="held-out films"):
        continuing.train(from_champion=True)


def test_a_model_that_always_learns_anew_says_so(labelled):
    labelled.train()
    with pytest.raises(CannotTrain, match="learns anew each time"):
        labelled.train(from_champion=True)
