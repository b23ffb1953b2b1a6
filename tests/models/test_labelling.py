"""How moments are compared where people are asked about single ones."""

import numpy as np
import pytest

from models.characters import MODEL as CHARACTERS
from models.characters.config import Config as CharactersConfig
from models.expressions import MODEL as EXPRESSIONS
from models.expressions.config import Config as ExpressionsConfig
from models.tags import MODEL as TAGS
from models.tags.config import Config as TagsConfig

SEEN = {
    "expressions": (EXPRESSIONS, ExpressionsConfig(), "patch", (48, 48)),
    "characters": (CHARACTERS, CharactersConfig(head="regions"), "picture", (90, 160, 3)),
    "tags": (TAGS, TagsConfig(fine_tune={"backbone": "net.keras"}), "pixels", (20, 20, 3)),
}


@pytest.mark.parametrize("kind", SEEN)
def test_a_film_in_which_there_is_nothing_to_ask_about_is_as_wide_as_the_others(kind):
    model, config, name, shape = SEEN[kind]
    full, empty = model.labelling.view([{name: np.zeros((count, *shape), np.uint8)} for count in (3, 0)], config)
    assert len(full) == 3 and empty.shape == (0, full.shape[1])
