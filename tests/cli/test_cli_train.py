"""The line that a training prints as it goes on."""

import pytest

from cinelake.learning.session import epochs_of
from cli.train import TrainingProgress
from models.affect.config import Config


@pytest.mark.parametrize(("learner", "shown"), [("memory", "epoch 1/120: loss 0.5000"), ("lstm", "epoch 1/60: loss")])
def test_epochs_are_counted_out_of_those_that_are_planned(
    learner: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config.model_validate({"learner": learner, "members": 3, "epochs": 60, "memory": {"epochs": 40}})
    TrainingProgress().on_event({"kind": "epoch", "number": 0, "metrics": {"loss": 0.5}, "of": epochs_of(config)})
    assert shown in capsys.readouterr().err
