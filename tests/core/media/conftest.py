"""Films for these tests, drawn by ffmpeg itself."""

from collections.abc import Callable
from pathlib import Path

import pytest
from _films import X264, make_film
from _real_data import REAL
from _recorder import Recorder

from cinelake.media.probe import probe
from cinelake.media.reader import Reading, read_film
from cinelake.spec.task import Stream

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    def drawn(name: str, *sources: str, options: list[str] | None = None) -> Path:
        return make_film(tmp_path / name, *sources, options=options)

    return drawn


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of moving pictures at 25 fps with sound."""
    place = tmp_path_factory.mktemp("films") / "film.mp4"
    return make_film(
        place, "testsrc2=d=10:s=320x240:r=25", "sine=d=10", options=[*X264, "-c:a", "aac", "-movflags", "+faststart"]
    )


@pytest.fixture(scope="session")
def large_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of large pictures: takes more than a second to decode."""
    return make_film(tmp_path_factory.mktemp("films") / "large.mp4", "testsrc2=d=20:s=1280x720:r=25")


@pytest.fixture
def read() -> Callable[..., Recorder]:
    """Read a film for one recorder of the given streams, and give the recorder."""

    def reading(path: Path | str, **streams: Stream) -> Recorder:
        recorder = Recorder(**streams)
        result: Reading = read_film(str(path), probe(str(path)), [recorder], deadline_s=60)
        assert not result.errors, result.errors
        return recorder

    return reading


@pytest.fixture(scope="session")
def real_films() -> Path:
    place = REAL / "films"
    if not place.is_dir():
        pytest.skip(f"no real films in {place}")
    return place
