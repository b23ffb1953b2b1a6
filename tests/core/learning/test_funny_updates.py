"""Labels of funny moments that arrive later bring the champion up to date, if the gate finds it better for them."""

from __future__ import annotations

import pytest
from core.learning._funny_project import TONE, WHISTLE, FunnyProject

from cinelake.lake.cells import Lake
from cinelake.lake.champions import read_champion_record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def laughed(tmp_path_factory: pytest.TempPathFactory) -> FunnyProject:
    """A champion that has learned of loud tones; then films come in which people laugh at whistles."""
    project = FunnyProject(tmp_path_factory.mktemp("funny") / "project")
    project.begin()
    project.say(project.draw("tone", 24, TONE))
    assert project.learn().moved
    project.say(project.draw("whistle", 20, WHISTLE))
    return project


def champion(project: FunnyProject) -> int:
    found = read_champion_record(Lake(project.load().lake.place), "funny").find("champion")
    return int(found.version) if found else 0


def test_an_update_is_taken_when_it_is_better_and_refused_when_later_labels_are_wrong(laughed: FunnyProject) -> None:
    better = laughed.learn(from_champion=True)
    assert better.moved and better.scores["f1"] > better.champion["f1"] + 0.05
    laughed.say(better.films["train"] + better.films["validation"], wrongly=True)
    worse = laughed.learn(from_champion=True)
    assert not worse.moved and worse.scores["f1"] < better.scores["f1"]
    assert champion(laughed) == better.version
