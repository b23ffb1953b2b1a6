"""What `tune` searches when the manifest says nothing, for every model there is."""

from __future__ import annotations

import pytest

from cinelake.spec.model import find_model, known_models
from cinelake.spec.space import space_problems


@pytest.mark.parametrize("name", known_models())
def test_a_models_own_space_fits_its_configuration(name: str) -> None:
    found = find_model(name)
    assert space_problems(found.config(), found.space) == {}
