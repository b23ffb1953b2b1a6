"""The project that the tests of `cinelake labels` label."""

import pytest
from core._labelled import MODEL, a_project, put_film

from cinelake.lake.cells import Lake


@pytest.fixture
def project(tmp_path, own_models):
    """A manifest over a lake with the films dawn and dusk (60 s, 6 shots), night being listed only; a model `toy`."""
    own_models(MODEL)
    return a_project(tmp_path / "project", listed=["night"])


@pytest.fixture
def measured(project):
    """The project's films with a rate and a size."""
    lake = Lake(str(project / "lake"))
    for movie_id in ("dawn", "dusk"):
        put_film(lake, movie_id, fps=25.0, size=(640, 360))
    return project
