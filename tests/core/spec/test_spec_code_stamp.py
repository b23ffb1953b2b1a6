"""Stamps of tasks' code: whoever changes a task is asked whether its cells are to be made anew."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from _toy_tasks import Clock

from cinelake.errors import UsageError
from cinelake.spec import code_stamp
from cinelake.spec.code_stamp import Stamped, stamped
from cinelake.spec.task import TaskSpec

PRESENT = stamped()
SPEC: TaskSpec = Clock.spec


@pytest.mark.parametrize("name", PRESENT)
def test_the_stamp_of_every_task_and_model_fits_its_code(name: str) -> None:
    complaint = PRESENT[name].complaint()
    if complaint:
        pytest.fail(complaint, pytrace=False)


CLOCK = '''"""clock: counts pictures."""

from __future__ import annotations

import numpy as np

from tasks.clock.faces import draw
from tasks.other import Other

SIZE = 64
"""Pixels."""


class Clock:
    """Counts."""

    def run(self, count: int = 1) -> int:
        """One more."""
        return draw(count) + 1  # and again
'''


@pytest.fixture
def clock(tmp_path: Path) -> Stamped:
    """A room with a task that is a folder, what it shares with others, and another task."""
    room = tmp_path / "tasks"
    files = {
        "clock/__init__.py": CLOCK,
        "clock/faces.py": "def draw(count):\n    from tasks.shared import hands\n    return count\n",
        "clock/unused.py": "X = 1\n",
        "shared/hands.py": "HANDS = 2\n",
        "other.py": "Other = 1\n",
    }
    for name, text in files.items():
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        (room / name).write_text(text)
    return Stamped(room, "clock", SPEC)


def rewrite(clock: Stamped, old: str, new: str) -> None:
    text = clock.path.read_text()
    assert old in text
    clock.path.write_text(text.replace(old, new))


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
def test_comments_docstrings_and_layout_do_not_count(clock: Stamped, old: str, new: str) -> None:
    before = clock.digest()
    rewrite(clock, old, new)
    assert clock.digest() == before


CODE = [("+ 1", "+ 2"), ("SIZE = 64", "SIZE = 65"), ("count: int = 1", "count: int = 2"), ("import numpy as np", "")]


@pytest.mark.parametrize(("old", "new"), CODE)
def test_code_counts(clock: Stamped, old: str, new: str) -> None:
    before = clock.digest()
    rewrite(clock, old, new)
    assert clock.digest() != before


FILES = [("clock/faces", True), ("shared/hands", True), ("clock/unused", False), ("other", False)]


@pytest.mark.parametrize(("file", "counts"), FILES)
def test_files_count_as_far_as_they_are_imported_but_other_tasks_do_not(
    clock: Stamped, file: str, counts: bool
) -> None:
    before = clock.digest()
    with (clock.folder / f"{file}.py").open("a") as opened:
        opened.write("MORE = 1\n")
    assert (clock.digest() != before) == counts


def test_a_file_counts_that_a_late_function_is_in(clock: Stamped) -> None:
    rewrite(clock, "SIZE = 64", 'HOUR = Late("tasks.clock.unused:X")')
    before = clock.digest()
    (clock.folder / "clock/unused.py").write_text("X = 2\n")
    assert clock.digest() != before


def test_a_digest_is_the_same_in_every_version_of_python(clock: Stamped) -> None:
    assert clock.digest() == "7e949a183af95d4c"


def test_a_task_that_is_one_file_is_stamped_too(clock: Stamped) -> None:
    other = Stamped(clock.folder, "other", SPEC)
    other.renew()
    clock.renew()
    assert (other.complaint(), clock.complaint()) == ("", "")


def test_a_task_without_a_stamp_is_told_how_to_get_one(clock: Stamped) -> None:
    assert clock.complaint().endswith("run `python -m cinelake.spec.code_stamp --stamp clock`")


def test_changed_code_of_the_same_version_is_told_all_three_ways_out(clock: Stamped) -> None:
    clock.renew()
    rewrite(clock, "+ 1", "+ 2")
    complaint = clock.complaint()
    assert "tasks/clock/__init__.py" in complaint and "still v1.r1" in complaint
    assert all(way in complaint for way in ("raise `version`", "raise `revision`", '--stamp clock --same-output "'))


def test_changed_code_of_the_same_version_is_not_stamped_without_a_word(clock: Stamped) -> None:
    before = clock.renew()
    rewrite(clock, "+ 1", "+ 2")
    with pytest.raises(UsageError, match=r"still v1\.r1"):
        clock.renew()
    assert clock.stamp() == before


@pytest.mark.parametrize("raised", [{"version": 2}, {"revision": 2}])
def test_a_raised_version_or_revision_is_stamped(clock: Stamped, raised: dict[str, int]) -> None:
    clock.renew()
    rewrite(clock, "+ 1", "+ 2")
    newer = replace(clock, declaration=replace(SPEC, **raised))
    assert newer.complaint().endswith("run `python -m cinelake.spec.code_stamp --stamp clock`")
    newer.renew()
    assert newer.complaint() == ""


def test_words_that_the_output_is_the_same_are_kept_beside_the_stamp(clock: Stamped) -> None:
    clock.renew()
    rewrite(clock, "count", "number")
    clock.renew("renamed\n a variable")
    clock.renew()
    stamp = clock.stamp()
    assert stamp and stamp.same_output == "renamed a variable"
    assert clock.complaint() == ""


def test_words_of_an_older_change_do_not_excuse_a_newer_one(clock: Stamped) -> None:
    clock.renew("the first stamp")
    rewrite(clock, "+ 1", "+ 2")
    stamp = replace(clock, declaration=replace(SPEC, version=2)).renew()
    assert (stamp.declared, stamp.same_output) == ("v2.r1", "")


def test_too_many_words_are_refused(clock: Stamped) -> None:
    with pytest.raises(UsageError, match="characters"):
        clock.renew("because " * 20)


# --- the command


def test_the_command_lists_stamps_and_then_is_content(
    clock: Stamped, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(code_stamp, "stamped", lambda: {"clock": clock})
    assert (code_stamp.main([]), "no stamp" in capsys.readouterr().out) == (1, True)
    assert code_stamp.main(["--stamp", "clock"]) == 0
    assert code_stamp.main([]) == 0
    rewrite(clock, "+ 1", "+ 2")
    assert (code_stamp.main(["--stamp", "clock"]), "still v1.r1" in capsys.readouterr().err) == (2, True)
    assert code_stamp.main(["--stamp", "clock", "--same-output", "it is"]) == 0


def test_the_command_knows_close_matches() -> None:
    command = [sys.executable, "-m", "cinelake.spec.code_stamp", "--stamp", "fillms"]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=code_stamp.ROOT)
    assert (answer.returncode, answer.stderr) == (2, "unknown task 'fillms': did you mean 'films'?\n")
