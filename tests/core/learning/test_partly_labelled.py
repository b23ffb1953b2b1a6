"""Films labelled in part: what counts without a label is told, with the setting that leaves it out."""

from dataclasses import replace

from core._toy_model import MODEL

from cinelake.learning.dataset import gather
from cinelake.learning.partly_labelled import unasked
from cinelake.spec.labelling import Classes, Labelling, Question

PARTLY = Labelling(
    question=lambda config, named: Question("Is it loud?"),
    view=lambda films, config: [film["level"][:, None] for film in films],
    truth=lambda targets, config: Classes(("loud",), tuple(film["loud"][:, None] for film in targets)),
    belief=lambda prediction, artefact: None,
    partly=lambda config: config.model_copy(update={"shift": 1.0}),
)


def known_where_labelled(labels, given, config):
    """Steps without a label are quiet, and with `shift: 1.0` not known."""
    found = MODEL.targets(labels, given, config)
    return {**found, "known": found["loud"]} if config.shift else found


def words_before_training(project, models):
    project.write(models)
    entry = project.load().model("loud")
    entry = replace(entry, spec=replace(MODEL, labelling=PARTLY, targets=known_where_labelled))
    return unasked(entry, gather(project.load(), entry))


def test_steps_that_nobody_labelled_are_counted_and_the_setting_is_named(labelled):
    words = words_before_training(labelled, "{loud: {}}")
    assert "steps that count have no label and are learned from as showing no class" in words
    assert words.endswith("if nobody looked at them, set `config: {shift: 1.0}`")


def test_where_such_steps_do_not_count_nothing_is_said(labelled):
    assert words_before_training(labelled, "{loud: {config: {shift: 1.0}}}") == ""
