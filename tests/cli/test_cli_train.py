"""The line that a training prints as it goes on."""

import pytest

from cinelake.events import EpochEnded
from cinelake.learning.request import epochs_of
from cli.train import TrainingProgress
from models.affect.config import Config


@pytest.mark.parametrize(("learner", "shown"), [("memory", "epoch 1/120: loss 0.5000"), ("lstm", "epoch 1/60: loss")])
def test_epochs_are_counted_out_of_those_that_are_planned(
    learner: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config.model_validate({"learner": learner, "members": 3, "epochs": 60, "memory": {"epochs": 40}})
    TrainingProgress().on_event(EpochEnded(0, epochs_of(config), {"loss": 0.5}))
    assert shown in capsys.readouterr().err
