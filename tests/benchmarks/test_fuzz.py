"""A sample of what `benchmarks.fuzz` tries at length: mutated files end in a table or a typed error, in time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks._mutations import CONTAINERS, Edit, drawn
from benchmarks.fuzz import READ, Finding, Fuzzing, Mutation


def fuzzing(folder: Path, kinds: list[str]) -> Fuzzing:
    return Fuzzing(folder, drawn(folder / "good", kinds), Counter())


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.YAMLWarning")
def test_mutated_texts_are_read_or_refused(tmp_path: Path) -> None:
    tried = fuzzing(tmp_path, list(READ))
    assert [found.to_line() for found in tried.texts(list(tried.mutations(list(READ), 350, "sample")))] == []
    assert tried.outcomes.total() == 350


@pytest.mark.slow
def test_mutated_films_become_tables_or_typed_failures(tmp_path: Path) -> None:
    tried = fuzzing(tmp_path, list(CONTAINERS))
    mutations = list(tried.mutations(list(CONTAINERS), 2 * len(CONTAINERS), "sample"))
    assert [found.to_line() for found in tried.films(mutations)] == []
    assert tried.outcomes["made"] > 50


def test_the_good_files_themselves_are_read(tmp_path: Path) -> None:
    tried = fuzzing(tmp_path, list(READ))
    assert tried.texts([Mutation(kind, "none", ()) for kind in READ]) == []
    assert set(tried.outcomes) == {f"{kind} read" for kind in READ}


def test_a_finding_is_reduced_to_the_changes_that_it_needs(tmp_path: Path) -> None:
    tried = fuzzing(tmp_path, ["srt"])
    guilty, harmless = Edit(0, 1, b"!"), Edit(5, 1, b"?")
    found = Finding(Mutation("srt", "1", (harmless, guilty, harmless)), "broke")
    assert tried.smallest(found, lambda m: "broke" * (guilty in m.changes)).mutation.changes == (guilty,)
