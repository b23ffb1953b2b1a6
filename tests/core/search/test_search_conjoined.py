"""Search: words, pictures and conditions, alone and together, on a drawn film whose every instant is known."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _search_lake import commit
from test_search_text import text_tower

from cinelake.client.lake_client import lake_contracts
from cinelake.lake.cells import Lake
from cinelake.search.conditions import Conditions
from cinelake.search.searcher import Query, Searcher
from tasks.actor_appearances import ACTOR_APPEARANCES
from tasks.affect import AFFECT
from tasks.appearances import APPEARANCES
from tasks.embeddings import EMBEDDINGS, EmbeddingsParams
from tasks.shots import MOTION_SIZE, SHOTS
from tasks.subtitles import SUBTITLES
from tasks.tag_shots import TAG_SHOTS
from tasks.writing import WRITING

SECONDS = 120
CONDITIONS = {"tags": "chase", "characters": "Anna", "persons": "Ada", "affect": "arousal>0.5"}
KINDS = ("said", "written", *CONDITIONS)
SEVERAL = [which for count in (1, 2, 3, 6) for which in combinations(KINDS, count)]
Spans = list[tuple[float, float]]


def drawn(rng: np.random.Generator) -> Spans:
    """A third to two thirds of the film in spans of whole seconds, with gaps between them."""
    edges = np.cumsum(rng.integers(3, 9, 2 * SECONDS // 8))
    return [(float(a), float(b)) for a, b in edges[: len(edges) // 2 * 2].reshape(-1, 2) if b < SECONDS]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, dict[str, Spans]]:
    """A film a shot a second, and where each thing holds in it; all pictures are red."""
    rng, lake = np.random.default_rng(15), Lake(str(tmp_path_factory.mktemp("conjoined") / "lake"))
    holds, seconds = {kind: drawn(rng) for kind in KINDS}, np.arange(SECONDS)
    ends = {
        kind: dict(zip(("start_s", "end_s"), zip(*spans, strict=True), strict=True)) for kind, spans in holds.items()
    }
    counts = {kind: len(spans) for kind, spans in holds.items()}

    def keep(contract: Any, **columns: Any) -> None:
        commit(lake, contract, "film", [contract.batch("film", **columns)])

    keep(SHOTS, shot=seconds, start_frame=25 * seconds, end_frame=25 * (seconds + 1), start_s=1.0 * seconds,
         end_s=1.0 + seconds, transition=["cut"] * SECONDS, score=[1.0] * SECONDS,
         motion=np.zeros((SECONDS, MOTION_SIZE), np.float32))  # fmt: skip
    keep(EMBEDDINGS, frame=25 * seconds, time_s=seconds + 0.5, shot=seconds, backbone=["c"] * SECONDS,
         embedding=np.eye(3, dtype=np.float32)[[0] * SECONDS], face=[None] * SECONDS,
         features=[[None]] * SECONDS)  # fmt: skip
    said, written = counts["said"], counts["written"]
    keep(SUBTITLES, **ends["said"], text=["she runs"] * said, line=range(said), language=["en"] * said,
         track=[0] * said, source=[".srt"] * said)  # fmt: skip
    keep(WRITING, **ends["written"], text=["HOTEL"] * written, line=range(written), is_credit=[False] * written,
         pictures=[1] * written,
         **{n: [0.1] * written for n in ("x", "y", "width", "height", "speed", "time_s", "score")})  # fmt: skip
    chased = [int(second) for start, end in holds["tags"] for second in np.arange(start, end)]
    keep(TAG_SHOTS, shot=chased, tag=["chase"] * len(chased), probability=[0.9] * len(chased))
    for contract, kind in ((APPEARANCES, "characters"), (ACTOR_APPEARANCES, "persons")):
        rest = {"shot": np.array(ends[kind]["start_s"], int), "confidence": [0.9] * counts[kind]}
        keep(contract, character=[CONDITIONS[kind]] * counts[kind], **ends[kind], **rest)
    keep(AFFECT, time_s=1.0 * seconds, valence=0.0 * seconds, arousal=is_in(1.0 * seconds, holds["affect"]) * 0.9)
    return lake, holds


def is_in(times_s: np.ndarray, spans: Spans) -> np.ndarray:
    return np.any([(start <= times_s) & (times_s < end) for start, end in spans], axis=0)


def search(lake: Lake, which: tuple[str, ...], **query: Any) -> list:
    words = {kind: (text,) for kind, text in (("said", "runs"), ("written", "hotel")) if kind in which}
    conditions = Conditions({kind: [(CONDITIONS[kind],)] for kind in which if kind in CONDITIONS})
    asked = Query(words=words, conditions=conditions, limit=1000, **query)
    return Searcher(lake, lake_contracts(lake)).search(asked).moments


@pytest.mark.parametrize("which", SEVERAL, ids="+".join)
def test_what_is_found_is_every_moment_in_which_all_holds_at_once(film: Any, which: tuple[str, ...]) -> None:
    lake, holds = film
    instants = np.arange(0.5, SECONDS)
    all_hold = np.all([is_in(instants, holds[kind]) for kind in which], axis=0)
    found = [is_in(instants, [(moment.start_s, moment.end_s)]) for moment in search(lake, which)]
    assert all((inside & all_hold).any() for inside in found) and all_hold.any()
    assert not (all_hold & ~np.any(found, axis=0)).any()


@pytest.mark.parametrize("which", [(kind,) for kind in KINDS] + [KINDS], ids="+".join)
def test_pictures_of_a_text_are_those_where_all_holds(film: Any, which: tuple[str, ...], tmp_path: Path) -> None:
    lake, holds = film
    instants = np.arange(0.5, SECONDS)
    all_hold = np.all([is_in(instants, holds[kind]) for kind in which], axis=0)
    found = search(lake, which, text="red", params=EmbeddingsParams(**text_tower(tmp_path)))
    assert sorted(moment.time_s for moment in found) == instants[all_hold].tolist()
