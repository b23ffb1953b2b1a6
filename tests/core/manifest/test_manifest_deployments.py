"""Schedules, triggers and limits that cannot be are problems of the manifest, all at once, each with its line."""

import pytest

from cinelake.errors import ManifestError
from cinelake.manifest.document import load_manifest

START = "lake: lake\ncatalogue: {films: films}\ntasks: {films: , shots: }\n"


def problems(folder, text):
    (folder / "pipeline.yaml").write_text(START + text)
    try:
        load_manifest(folder / "pipeline.yaml")
    except ManifestError as error:
        return [str(problem).partition("pipeline.yaml:")[2] for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("schedules: {a: {flow: catalogue, cron: '99 2 * * *'}}", "4: schedules.a.cron: expected five fields of cron"),
        ("schedules: {a: {flow: catalogue, cron: '0 0 31 2 *'}}", "that some day meets"),
        ("schedules: {a: {flow: catalogue, cron: '0 2 * * *', timezone: Europe/Berln}}", "mean 'Europe/Berlin'"),
        ("schedules: {a: {flow: tune, cron: '0 2 * * *', model: scene}}", "unknown model 'scene': did you mean 'scen"),
        ("schedules: {a: {flow: catalog, cron: '0 2 * * *'}}", "received 'catalog': did you mean 'catalogue'?"),
        ("schedules: {a: {flow: catalogue, cron: '0 2 * * *', select: [+shot]}}", "'shot': did you mean 'shots'?"),
        ("schedules: {a: {flow: catalogue}}", "4: schedules.a: expected exactly one of cron and after"),
        ("schedules: {night: {flow: catalogue, cron: '0 2 * * *'}, b: {flow: publish, after: nigt}}", "mean 'night'?"),
        ("schedules: {a: {flow: publish, after: b}, b: {flow: publish, after: a}}", "waits for itself: a after b aft"),
        ("triggers: {t: {when: new_labels, flow: train, model: scenez}}", "4: triggers.t.model: unknown model"),
        ("triggers: {t: {when: new_labels, flow: catalogue}}", "'new_labels' needs `model: NAME`: whose labels"),
        ("triggers: {t: {when: new_champion, flow: catalogue, at_least: 2}}", "at_least belongs to new_labels and"),
        ("limits: {gpu: {slots: 1, tasks: [shot]}}", "4: limits.gpu.tasks: unknown table 'shot'"),
        ("notifications: {blocks: [ops]}", "expected a block of Prefect as TYPE/NAME, received 'ops'"),
    ],
)
def test_what_cannot_be_deployed_is_told_with_its_line(tmp_path, line, said):
    assert said in problems(tmp_path, line)[0]


def test_all_problems_are_told_at_once(tmp_path):
    text = "schedules:\n  a: {flow: catalogue, cron: '99 2 * * *'}\n  b: {flow: publish, after: c}\ntriggers:\n"
    text += "  t: {when: new_labels, flow: train, model: nobody}\n"
    assert [said.split(":")[0] for said in problems(tmp_path, text)] == ["5", "6", "8"]


def test_a_night_with_everything_is_a_valid_manifest(tmp_path):
    text = "schedules:\n  a: {flow: catalogue, cron: '0 2 * * MON-FRI', timezone: Europe/Berlin, select: [+shots]}\n"
    text += "  b: {flow: publish, after: a, late: queue}\nlimits: {gpu: {slots: 2, tasks: [shots]}}\n"
    assert problems(tmp_path, text) == []
