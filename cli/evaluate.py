"""`cinelake evaluate`: scores a version of a model on held-out films, other labels or people's ratings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cinelake.errors import UsageError
from cinelake.learning.evaluation import Evaluation, evaluate_version
from cinelake.learning.evaluation import as_json as evaluation_json
from cinelake.learning.opinions import judged_by_people
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.spec.markdown import UNDEFINED
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.scores import SHOWN_FILMS, number, print_left_out, print_opinions, print_scores
from cli.screen import err, out, print_json, table, warn

app = typer.Typer(add_completion=False)


@app.command(
    epilog=example(
        "cinelake evaluate scenes",
        "cinelake evaluate scenes --version 2 --on scenes_checked",
        "cinelake evaluate tags --on ratings",
        "cinelake evaluate scenes --learning-curve",
    )
)
def evaluate(
    name: Annotated[str, typer.Argument(help="The model.", metavar="NAME")],
    version: Annotated[str, typer.Option(help="A version's number, or `champion`.")] = "champion",
    on: Annotated[
        str | None, typer.Option("--on", help="Another label set; or [cyan]ratings[/] of a model's table.")
    ] = None,
    learning_curve: Annotated[
        bool,
        typer.Option(
            "--learning-curve",
            help="Whether more labels would help: a simple learner's score by parts of the labels, "
            "within the model's [cyan]budget_minutes[/].",
        ),
    ] = False,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Score any version of a model on any labels, beside the trivial baseline and strong simple predictors."""
    loaded = load_manifest(manifest)
    if learning_curve:
        if on is not None:
            raise UsageError("--learning-curve teaches by the model's own labels: no --on")
        _draw_curve(loaded, name, version, as_json=json)
        return
    if on is not None and on in loaded.model(name).spec.opinions:
        _evaluate_by_people(loaded, name, version, on, as_json=json)
        return
    with err.status(f"scoring {name}"):
        evaluation = evaluate_version(loaded, name, version, on)
    if json:
        print_json(evaluation_json(evaluation))
    else:
        print_evaluation(evaluation)


def _draw_curve(manifest: Manifest, name: str, version: str, *, as_json: bool) -> None:
    from cinelake.learning.learning_curve import curve_of_version
    from flows.train import keep_errors_page

    say = (lambda _: None) if as_json else (lambda text: err.print(f"  {text}", markup=False))
    with err.status(f"teaching {name} by parts of its labels"):
        side, rows = curve_of_version(manifest, name, version, say)
        keep_errors_page(manifest, f"{name} {side.version}", side.run_id, warn)
    if as_json:
        print_json({"model": name, "version": side.version, "run_id": side.run_id, "learning_curve": rows})
        return
    table(
        ("learner", "labelled steps", "films", manifest.model(name).spec.metric, "95 % interval over films"),
        [
            (row["learner"], row["steps"], row["film_count"], number(row["mean"]) or row["said"], _spread(row))
            for row in rows
        ],
    )
    out.print(
        f"kept with MLflow run {side.run_id}: `cinelake report --force` draws it on the page of models", markup=False
    )


def _spread(row: Mapping[str, Any]) -> str:
    return "" if row.get("low") is None else f"{row['low']:.3f} … {row['high']:.3f}"


def _evaluate_by_people(manifest: Manifest, name: str, version: str, kind: str, *, as_json: bool) -> None:
    if version != "champion":
        raise UsageError(
            f"{kind} judge the table in the lake, which `cinelake run` makes by the champion: no --version"
        )
    opinions = judged_by_people(manifest, name, kind)
    if as_json:
        print_json(opinions.to_json())
    else:
        print_opinions(opinions)


def print_evaluation(evaluation: Evaluation) -> None:
    """Scores beside the baseline's, film by film too."""
    metric = evaluation.metric
    candidate = f"{evaluation.model} {evaluation.version}"
    columns = {candidate: evaluation.scores, "baseline": evaluation.baseline, **evaluation.simple}
    print_scores(columns, metric, in_sample=evaluation.in_sample)
    interval, gain = evaluation.interval, evaluation.gain
    if evaluation.in_sample:
        out.print(f"{metric} {number(interval.mean)}; beyond the baseline {number(gain.mean)} (in-sample: no interval)")
    else:
        over = " (95 % interval over films)" if interval.is_known or gain.is_known else ""
        out.print(f"{metric} {interval}; beyond the baseline {gain}{over}", markup=False)
    table(("film", metric), [(film, number(scores.get(metric))) for film, scores in evaluation.by_film.items()])
    if silent := [film for film, scores in evaluation.by_film.items() if math.isnan(scores.get(metric, 0.0))]:
        shown = ", ".join(silent[:SHOWN_FILMS]) + (", …" if len(silent) > SHOWN_FILMS else "")
        of_all = f"{len(silent)} of {len(evaluation.by_film)} films"
        out.print(f"{UNDEFINED}: {metric} is undefined on {of_all}, no part of the mean: {shown}", markup=False)
    print_left_out(evaluation.left_out)
    if evaluation.warning:
        out.print(evaluation.warning, style="yellow", markup=False)
