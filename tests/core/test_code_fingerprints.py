"""Fingerprints of tasks' code: whoever changes a task is asked whether its cells are to be made anew."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from _toy_tasks import Clock, Sums

from cinelake.errors import UsageError
from cinelake.spec import code_stamp as fingerprint
from cinelake.spec.code_stamp import code_fingerprint, complaint, read_stamp, stamp_task, stamped
from cinelake.spec.task import TaskSpec

PRESENT = stamped()
SPEC: TaskSpec = Clock.spec


@pytest.mark.parametrize("name", PRESENT)
def test_the_stamp_of_every_task_and_model_fits_its_code(name: str) -> None:
    told = complaint(*PRESENT[name])
    if told:
        pytest.fail(told, pytrace=False)


CLOCK = '''"""clock: counts pictures."""

from __future__ import annotations

import numpy as np

from tasks._faces_of_clocks import draw

SIZE = 64
"""Pixels."""


class Clock:
    """Counts."""

    def run(self, count: int = 1) -> int:
        """One more."""
        return draw(count) + 1  # and again
'''


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """A room with one task and two private modules, of which one imports the other."""
    (tmp_path / "_faces_of_clocks.py").write_text("def draw(count):\n    from tasks import _hands\n    return count\n")
    (tmp_path / "_hands.py").write_text("HANDS = 2\n")
    (tmp_path / "_of_others.py").write_text("X = 1\n")
    (tmp_path / "clock.py").write_text(CLOCK)
    return tmp_path / "clock.py"


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


LAYOUT = [
    ("  # and again", ""),
    ('"""One more."""', '"""One more,\n        and one more."""'),
    ('        """One more."""\n', ""),
    ('"""Pixels."""\n', ""),
    ("draw(count) + 1", "(\n            draw(count)\n            + 1\n        )"),
    ("SIZE = 64", "\n\nSIZE  =  64"),
    ('"""Counts."""', "'Counts.'"),
]


@pytest.mark.parametrize(("old", "new"), LAYOUT)
def test_comments_docstrings_and_layout_do_not_count(clock: Path, old: str, new: str) -> None:
    before = code_fingerprint(clock)
    rewrite(clock, old, new)
    assert code_fingerprint(clock) == before


CODE = [("+ 1", "+ 2"), ("SIZE = 64", "SIZE = 65"), ("count: int = 1", "count: int = 2"), ("import numpy as np", "")]


@pytest.mark.parametrize(("old", "new"), CODE)
def test_code_counts(clock: Path, old: str, new: str) -> None:
    before = code_fingerprint(clock)
    rewrite(clock, old, new)
    assert code_fingerprint(clock) != before


@pytest.mark.parametrize(("module", "counts"), [("_faces_of_clocks", True), ("_hands", True), ("_of_others", False)])
def test_private_modules_count_as_far_as_they_are_imported(clock: Path, module: str, counts: bool) -> None:
    before = code_fingerprint(clock)
    with clock.with_name(f"{module}.py").open("a") as file:
        file.write("MORE = 1\n")
    assert (code_fingerprint(clock) != before) == counts


def test_a_fingerprint_is_the_same_in_every_version_of_python(clock: Path) -> None:
    assert code_fingerprint(clock) == "da2b233f8dd2fd02"


def test_a_stamp_changes_no_fingerprint_and_stands_below_the_imports(clock: Path) -> None:
    before = code_fingerprint(clock)
    stamp_task(clock, SPEC)
    assert code_fingerprint(clock) == before
    assert f'import draw\n\nCODE = "v1.r1 {before}"\n\nSIZE = 64\n' in clock.read_text()
    assert complaint(clock, SPEC) == ""


def test_a_task_without_a_stamp_is_told_how_to_get_one(clock: Path) -> None:
    assert complaint(clock, SPEC).endswith("run `python -m cinelake.fingerprint --stamp clock`")


def test_changed_code_of_the_same_version_is_told_all_three_ways_out(clock: Path) -> None:
    stamp_task(clock, SPEC)
    rewrite(clock, "+ 1", "+ 2")
    told = complaint(clock, SPEC)
    assert "tasks/clock.py" in told and "still v1.r1" in told
    assert all(way in told for way in ("raise `version`", "raise `revision`", '--stamp clock --same-output "'))


def test_changed_code_of_the_same_version_is_not_stamped_without_a_word(clock: Path) -> None:
    stamp_task(clock, SPEC)
    rewrite(clock, "+ 1", "+ 2")
    before = clock.read_text()
    with pytest.raises(UsageError, match=r"still v1\.r1"):
        stamp_task(clock, SPEC)
    assert clock.read_text() == before


@pytest.mark.parametrize("raised", [{"version": 2}, {"revision": 2}])
def test_a_raised_version_or_revision_is_stamped(clock: Path, raised: dict[str, int]) -> None:
    stamp_task(clock, SPEC)
    rewrite(clock, "+ 1", "+ 2")
    spec = replace(SPEC, **raised)
    assert complaint(clock, spec).endswith("run `python -m cinelake.fingerprint --stamp clock`")
    stamp_task(clock, spec)
    assert complaint(clock, spec) == ""


def test_words_that_the_output_is_the_same_are_kept_beside_the_stamp(clock: Path) -> None:
    stamp_task(clock, SPEC)
    rewrite(clock, "count", "number")
    stamp_task(clock, SPEC, "renamed\n a variable")
    stamp_task(clock, SPEC)
    stamp = read_stamp(clock)
    assert stamp and stamp.why == "renamed a variable"
    assert complaint(clock, SPEC) == ""


def test_words_of_an_older_change_do_not_excuse_a_newer_one(clock: Path) -> None:
    stamp_task(clock, SPEC, "the first stamp")
    rewrite(clock, "+ 1", "+ 2")
    stamp_task(clock, replace(SPEC, version=2))
    stamp = read_stamp(clock)
    assert stamp and (stamp.declared, stamp.why) == ("v2.r1", "")


def test_too_many_words_are_refused(clock: Path) -> None:
    with pytest.raises(UsageError, match="characters"):
        stamp_task(clock, SPEC, "because " * 20)


# --- the command


def test_the_command_lists_stamps_and_then_is_content(
    clock: Path, own_tasks: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_tasks(Clock, Sums)
    monkeypatch.setattr(fingerprint, "ROOM", clock.parent)
    assert (fingerprint.main([]), "no stamp" in capsys.readouterr().out) == (1, True)
    assert fingerprint.main(["--stamp", "clock"]) == 0
    assert fingerprint.main([]) == 0
    rewrite(clock, "+ 1", "+ 2")
    assert (fingerprint.main(["--stamp", "clock"]), "still v1.r1" in capsys.readouterr().err) == (2, True)
    assert fingerprint.main(["--stamp", "clock", "--same-output", "it is"]) == 0


def test_the_command_knows_close_matches() -> None:
    command = [sys.executable, "-m", "cinelake.fingerprint", "--stamp", "fillms"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=fingerprint.ROOM.parent)
    assert (told.returncode, told.stderr) == (2, "unknown task 'fillms': did you mean 'films'?\n")
