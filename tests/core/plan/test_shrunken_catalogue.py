"""A catalogue that lost its films, as an unmounted share does, is told or stops what would be done."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from cinelake.errors import CatalogueShrunk
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.run.step import run_step


@dataclass(frozen=True)
class Share:
    """A folder of films and its lake."""

    folder: Path

    def plan(self, allowed: str = "", films: str = "films: films/*") -> Planning:
        path = self.folder / "pipeline.yaml"
        path.write_text(f"lake: lake\ncatalogue: {{{films}{allowed}}}\ntasks: {{films: {{}}}}\n")
        return plan_manifest(load_manifest(path))

    def lose(self, *numbers: int) -> None:
        for number in numbers:
            (self.folder / "films" / f"film_{number}.mp4").unlink()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, draw_film) -> Share:
    """Five films, and a lake with a table of each."""
    share = Share(tmp_path_factory.mktemp("share"))
    first = draw_film(share.folder / "films" / "film_0.mp4")
    for number in range(1, 5):
        first.with_name(f"film_{number}.mp4").write_bytes(first.read_bytes() + bytes(number))
    planning = share.plan()
    for movie_id, stale in planning.plan.by_film().items():
        assert not run_step(planning.step(movie_id, stale)).failed()
    return share


@pytest.fixture
def share(whole: Share, tmp_path: Path) -> Share:
    return Share(shutil.copytree(whole.folder, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("lost", "allowed", "words"),
    [
        ((), ", fewest_films: 5, most_lost: 0", ""),
        ((0,), "", ""),
        ((0, 1), "", "2 of the 5 films that the lake has tables of are not in the catalogue (film_0, film_1)"),
        ((0,), ", most_lost: 0.2", ""),
    ],
)
def test_a_loss_is_told_where_it_is_large(share: Share, lost: tuple[int, ...], allowed: str, words: str) -> None:
    share.lose(*lost)
    warnings = share.plan(allowed).catalogue.warnings
    assert bool(warnings) == bool(words) and words in "".join(warnings)


@pytest.mark.parametrize(
    ("lost", "allowed", "words"),
    [
        ((0,), ", fewest_films: 5", "has 4 films, and catalogue.fewest_films is 5: is 'films/.' mounted"),
        ((0, 1, 2, 3, 4), ", fewest_films: 1", "has 0 films"),
        ((0, 1), ", most_lost: 0.2", "2 of the 5 films .* and catalogue.most_lost is 0.2"),
        ((0,), ", most_lost: 0", "1 of the 5 films"),
    ],
)
def test_a_loss_that_the_manifest_does_not_allow_stops(
    share: Share, lost: tuple[int, ...], allowed: str, words: str
) -> None:
    share.lose(*lost)
    with pytest.raises(CatalogueShrunk, match=words) as stopped:
        share.plan(allowed)
    assert stopped.value.exit_code == 2


def test_films_of_a_list_whose_files_are_gone_are_lost_too(share: Share) -> None:
    (share.folder / "films.csv").write_text("uri\n" + "".join(f"films/film_{n}.mp4\n" for n in range(5)))
    share.lose(0, 1)
    with pytest.raises(CatalogueShrunk, match="2 of the 5 films"):
        share.plan(", most_lost: 0.2", films="list: films.csv")
