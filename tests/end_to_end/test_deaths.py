"""A death in the middle of a run costs no finished work, whoever dies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.deaths import VICTIMS, Cells, World, disturbed, undisturbed, world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two nodes, an object store and a Prefect server."""
    with world(tmp_path_factory.mktemp("deaths"), "ray", films=4) as made:
        yield made


@pytest.fixture(scope="module")
def wanted(place: World) -> Cells:
    """The lake of a run that nothing happens to."""
    return undisturbed(place)


@pytest.mark.parametrize("victim", VICTIMS)
def test_the_lake_is_that_of_an_undisturbed_run_and_no_finished_cell_is_made_again(place, wanted, victim):
    outcome = disturbed(place, victim, 0, wanted, after=6)
    assert outcome.same and outcome.made_again == 0
    assert outcome.runs_after <= 2
