"""What the funny agent's benchmarks learn from: utterances read as episodes, labels made invisible."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _real_data import REAL

from benchmarks._drawn_funny import some_labels
from benchmarks._friends import friends_config, read_episodes
from cinelake.spec.example import Example


def episodes(folder: Path) -> list[Example]:
    """Two dialogues of one episode; Joey speaks twice on end in the first."""
    rows = {
        "split": ["train"] * 4,
        "episode_id": ["s01e01"] * 4,
        "dialogue": [7, 7, 7, 3],
        "utterance": [0, 1, 2, 0],
        "start_s": [10.0, 12.0, 15.0, 100.0],
        "end_s": [11.0, 14.0, 16.0, 101.0],
        "speaker": ["Joey", "Joey", "Ross", "Ross"],
        "emotion": ["joy", "neutral", "anger", "fear"],
        "laugh": [True, False, False, True],
    }
    pq.write_table(pa.table(rows), folder / "friends_utterances.parquet")
    return read_episodes(folder / "friends_utterances.parquet")


def test_dialogues_are_pieces_of_an_episode_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (episode,) = episodes(tmp_path)
    assert episode.features["piece"].tolist() == [0, 1, 1, 1]
    assert episode.targets["funny"].tolist() == [True, True, False, False]


def test_who_goes_on_speaking_is_known_within_a_dialogue(tmp_path: Path) -> None:
    turns = episodes(tmp_path)[0].features["turns"]
    assert turns[:, 2].tolist() == [0, 0, 1, 0] and turns[:, 3].tolist() == [0, 1, 0, 0]


def made_film(number: int) -> Example:
    funny = np.arange(80) % 16 < 8
    return Example(str(number), str(number), {"time_s": np.arange(80.0)}, {"funny": funny, "known": np.ones(80, bool)})


@pytest.mark.parametrize(("share", "expected"), [(1.0, 800), (0.5, 400), (0.1, 80)])
def test_so_many_labels_stay_visible_in_stretches_of_eight(share: float, expected: int) -> None:
    found = [example.targets["known"] for example in some_labels([made_film(n) for n in range(10)], share, 1)]
    assert sum(int(known.sum()) for known in found) == expected
    assert all((known.reshape(-1, 8).sum(axis=1) % 8 == 0).all() for known in found)


def test_however_few_labels_are_visible_both_kinds_are() -> None:
    found = some_labels([made_film(n) for n in range(10)], 0.001, 3)
    truth = np.concatenate([e.targets["funny"][e.targets["known"]] for e in found])
    assert truth.any() and not truth.all()


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CINELAKE_REAL_DATA names the folder)")
def test_the_real_utterances_are_read_whole() -> None:
    found = read_episodes(REAL)
    assert sum(map(len, found)) == 9554 and friends_config().step == "line"
