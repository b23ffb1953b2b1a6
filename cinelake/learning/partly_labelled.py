"""Films of which people labelled some moments alone: what the others count as, and what sets that right."""

from __future__ import annotations

from cinelake.learning.dataset import Dataset, known_steps
from cinelake.manifest.document import ModelEntry


def partly_settings(entry: ModelEntry) -> str:
    """The settings under which films that are labelled in part are learned from rightly; empty where they hold."""
    if entry.spec.labelling is None:
        return ""
    partly = entry.spec.labelling.partly(entry.config)
    now, then = (config.model_dump(mode="json") for config in (entry.config, partly))
    return ", ".join(f"{name}: {value}" for name, value in then.items() if now[name] != value)


def unasked(entry: ModelEntry, dataset: Dataset) -> str:
    """How many steps without a label count as showing nothing, and the setting under which they do not; else empty."""
    settings, counted = partly_settings(entry), known_steps(dataset.examples)
    if entry.spec.labelling is None or not settings:
        return ""
    config, labelled = entry.spec.labelling.partly(dataset.config), 0
    for example in dataset.examples:
        targets = entry.spec.targets(dataset.labels.of(example.movie_id), example.features, config)
        labelled += int(targets["known"].sum())
    if labelled == counted:
        return ""
    return (
        f"{counted - labelled} of {counted} steps that count have no label and are learned from as showing no class; "
        f"if nobody looked at them, set `config: {{{settings}}}`"
    )
