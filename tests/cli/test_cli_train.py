"""The line that a training prints as it goes on."""

from pathlib import Path

import pytest

from cinelake.events import EpochEnded
from cinelake.learning.request import TrainingSummary, epochs_of
from cli.train import TrainingProgress, print_training
from models.affect.config import Config


@pytest.mark.parametrize(("learner", "shown"), [("memory", "epoch 1/120: loss 0.5000"), ("lstm", "epoch 1/60: loss")])
def test_epochs_are_counted_out_of_those_that_are_planned(
    learner: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config.model_validate({"learner": learner, "members": 3, "epochs": 60, "memory": {"epochs": 40}})
    TrainingProgress().on_event(EpochEnded(0, epochs_of(config), {"loss": 0.5}))
    assert shown in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ended", "words"),
    [(0, "before an epoch ended: `cinelake train loud -m p.yaml` begins"), (2, "from the last epoch")],
)
def test_an_interrupted_training_says_whether_there_is_an_epoch_to_go_on_from(
    ended: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = TrainingProgress(quiet=True)
    for number in range(ended):
        progress.on_event(EpochEnded(number, 40, {"loss": 0.5}))
    print_training(TrainingSummary("loud", interrupted=True), Path("p.yaml"), epochs=progress.epochs)
    assert words in capsys.readouterr().out
