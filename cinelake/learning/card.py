"""The model card: what a model is, what it learned from, how good it is and beside what, what it cannot do.

After Mitchell et al., Model Cards for Model Reporting (FAT* 2019).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cinelake.learning.candidate import STILLS, Prepared
from cinelake.learning.dataset import known_steps
from cinelake.learning.gate import Verdict
from cinelake.learning.learners import learner_of
from cinelake.learning.recorded import class_of, class_rows
from cinelake.spec.markdown import as_cell, as_text
from cinelake.spec.model import Scores
from cinelake.spec.names import counted
from cinelake.spec.task import Params

SHOWN_FILMS = 40
SHOWN_CLASSES = 60
LIMITS = (
    "- It is applied only to tables made as those that it learned from; otherwise the plan blocks it.",
    "- The interval is over films of this catalogue; other kinds of films may score differently.",
)


def model_card(
    prepared: Prepared,
    config: Params,
    scores: Mapping[str, Scores],
    verdict: Verdict,
    facts: Mapping[str, object],
    support: Mapping[str, float],
    learners: str = "",
) -> str:
    """The card as Markdown.

    scores: predictor (`candidate`, `baseline`, simple ones by their names, `champion`) → its scores.
    support: class → labelled steps of it. learners: the table of those that were compared.
    """
    spec, entry = prepared.entry.spec, prepared.entry
    warning = [f"- {prepared.split.warning}"] if prepared.split.warning else []
    found = {name: fact for name, fact in facts.items() if name != STILLS}
    by_class = {who: own for who, own in scores.items() if who not in spec.simple}
    parts = [
        f"# {entry.name}",
        spec.about or f"A model of kind `{spec.name}`.",
        *([f"This version was made by the learner `{name}`."] if (name := learner_of(spec, config)) else []),
        "## Scores",
        _held_out(prepared),
        _scores(scores, spec.metric, support),
        *(["\n".join(meanings)] if (meanings := _meanings(spec.measures, scores)) else []),
        _of_the_gate(spec.metric, verdict, in_sample=prepared.all_films),
        *(["## Classes", _classes(class_rows(support, by_class))] if support else []),
        *(["## Learners, compared on the films that it learned from", learners] if learners else []),
        "## Data",
        _data(prepared),
        *(["## Components", _components(prepared)] if prepared.dataset.components else []),
        "## Configuration",
        "```json\n" + json.dumps(config.model_dump(mode="json"), indent=1) + "\n```",
        "## What training found",
        "```json\n" + json.dumps(found, indent=1, default=str)[:4000] + "\n```",
        "## Limits",
        "\n".join([*warning, *LIMITS]),
    ]
    return "\n\n".join(parts) + "\n"


def _of_the_gate(metric: str, verdict: Verdict, *, in_sample: bool) -> str:
    if in_sample:
        return f"The gate says: {verdict.why}."
    return f"The gate looks at **{metric}**, with 95 % intervals over films: {verdict.why}."


HELD_OUT = {
    "film": ("film", "that it never saw"),
    "time": ("film", "by blocks of time that it never saw"),
    "image": ("source", "of the images that it learned from, by other images of theirs"),
}


def _held_out(prepared: Prepared) -> str:
    sides = prepared.split
    which, what = ("film", "that it has learned from (in-sample)") if prepared.all_films else HELD_OUT[sides.by]
    count = counted(len({example.movie_id for example in sides.test}), which)
    return f"On {count} {what} ({counted(known_steps(sides.test), 'labelled step')})."


def _scores(scores: Mapping[str, Scores], metric: str, support: Mapping[str, float]) -> str:
    of_all = {name for own in scores.values() for name in own if class_of(name, support) is None}
    names = sorted(of_all, key=lambda name: (name != metric, name))
    head = "| score | " + " | ".join(scores) + " |\n|---|" + "---|" * len(scores)
    rows = [f"| {name} | " + " | ".join(as_cell(own.get(name)) for own in scores.values()) + " |" for name in names]
    return "\n".join([head, *rows])


def _meanings(measures: Mapping[str, str], scores: Mapping[str, Scores]) -> list[str]:
    """What each score in the table says, a line each."""
    shown = {name for own in scores.values() for name in own}
    return [f"- `{name}`: {meaning}" for name, meaning in measures.items() if name in shown]


def _classes(rows: Sequence[Mapping[str, Any]]) -> str:
    """How often each class occurs, and its scores; those that occur most first."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([as_cell(row.get(name)) for name in names] for row in rows[:SHOWN_CLASSES])]
    more = f"\n\n… and {len(rows) - SHOWN_CLASSES} more" if len(rows) > SHOWN_CLASSES else ""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + more


def _components(prepared: Prepared) -> str:
    """What others published that the tables which it sees are made with: what is derived from it has their terms."""
    return "\n".join(f"- {component.what}: {component.terms}" for component in prepared.dataset.components)


def _data(prepared: Prepared) -> str:
    dataset, lines = prepared.dataset, []
    annotators = sorted({version.annotator for version in dataset.labels.versions if version.annotator})
    by = f" by {', '.join(map(as_text, annotators))}" if annotators else ""
    imports = counted(len(dataset.labels.versions), "import")
    lines.append(f"- labels `{dataset.labels.name}`{by}, {imports}, key `{dataset.labels.key}`")
    for side, films in prepared.split.films().items():
        more = f" and {len(films) - SHOWN_FILMS} more" if len(films) > SHOWN_FILMS else ""
        lines.append(f"- {side}: {counted(len(films), 'film')}: {', '.join(films[:SHOWN_FILMS])}{more}")
    left_out = list(dataset.left_out.items())[:SHOWN_FILMS]
    lines += [f"- left out: {movie_id}: {as_text(why)}" for movie_id, why in left_out]
    lines += [f"- table `{table}`, made by `{recipe_hash}`" for table, recipe_hash in dataset.inputs.items()]
    return "\n".join(lines)
