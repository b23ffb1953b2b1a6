"""A project in which people laugh at loud tones, and later at whistles too: labels of funny moments that come later."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa
from core._mlflow_store import store_in
from core.learning._taught import Project

from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.store import import_labels
from cinelake.learning.request import TrainingRequest, TrainingSummary, prepare_request
from cinelake.learning.session import train_model
from cinelake.media.ffmpeg import binary
from models.funny import MODEL

LENGTH_S = 8.0
QUIET = "0.005*sin(440*2*PI*t)"
TONE, WHISTLE = "0.5*sin(440*2*PI*t)", "0.02*sin(3000*2*PI*t)"
CONFIG = "{use: [sound], context: 0, components: 200, scene_steps: 4, scenes: 300, scenes_at_once: 16, "
CONFIG += "update_scenes: 300, memory: 256, dropout: 0, learning_rate: 3.0e-3, refit: false}"


@cache
def _film(funny: str, from_s: int) -> bytes:
    target = Path(mkdtemp()) / "film.mkv"
    sound = f"aevalsrc='if(lt(t,{from_s}),{QUIET},{funny})':d={LENGTH_S}:s=16000"
    inputs = ["-f", "lavfi", "-i", f"color=size=32x32:rate=2:duration={LENGTH_S}", "-f", "lavfi", "-i", sound]
    subprocess.run([binary(), "-loglevel", "error", *inputs, "-c:a", "pcm_s16le", str(target)], check=True)
    return target.read_bytes()


def _from_s(film: str) -> int:
    """When the film named `…_05` becomes funny."""
    return int(film[-2:]) % 4 + 2


class FunnyProject(Project):
    """Films, a manifest and a lake; what is funny in a film begins after 2 … 5 of its 8 seconds."""

    def begin(self) -> None:
        """Write the manifest."""
        (self.folder / "films").mkdir(parents=True)
        (self.folder / "pipeline.yaml").write_text(
            f"lake: lake\ncatalogue: {{films: films}}\ntracking: {{uri: {store_in(self.folder).uri}}}\n"
            f"models: {{funny: {{labels: funny, config: {CONFIG}}}}}\ntasks: {{films: , shots: , sound: }}\n"
        )

    def draw(self, prefix: str, count: int, funny: str) -> list[str]:
        """So many films more, and what is read from them."""
        names = [f"{prefix}_{n:02d}" for n in range(count)]
        for n, name in enumerate(names):
            # MKV ignores bytes after its end; so that no two films are the same.
            after = bytes([236, 130, n, len(prefix)])
            (self.folder / "films" / f"{name}.mkv").write_bytes(_film(funny, _from_s(name)) + after)
        self.run()
        return names

    def say(self, films: Sequence[str], *, wrongly: bool = False) -> None:
        """Label what is funny in films, or all the rest."""
        spans = [(0.0, float(_from_s(f))) if wrongly else (float(_from_s(f)), LENGTH_S) for f in films]
        rows = [
            {"movie_id": film, "start_s": start, "end_s": end} for film, (start, end) in zip(films, spans, strict=True)
        ]
        table = pa.Table.from_pylist(rows, MODEL.labels.schema)
        facts, about = {film: FilmFacts(LENGTH_S) for film in films}, f"{wrongly} {' '.join(films)}"
        root = Path(self.load().labels)
        import_labels(
            root, "funny", MODEL.labels, table, facts, annotator="test", source="made", source_digest=about,
            vocabularies={},
        )  # fmt: skip

    def learn(self, *, from_champion: bool = False) -> TrainingSummary:
        """Train the agent, without an orchestrator."""
        request = TrainingRequest(self.load(), "funny", from_champion=from_champion)
        prepared = prepare_request(request, lambda _: None)
        return train_model(request, prepared, self.folder / ".cinelake" / "training", lambda _: None)
