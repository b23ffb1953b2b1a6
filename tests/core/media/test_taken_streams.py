"""Which streams of a file are the film, and what a person's choice makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.probe import probe
from cinelake.spec.film import Probe, StreamInfo
from cinelake.spec.languages import language_code
from cinelake.spec.streams import StreamChoice, StreamChoices

FILM = "testsrc2=d=2:s=128x96:r=25"
LARGE_FILM = "testsrc=d=2:s=256x192:r=25"
POSTER = "color=red:s=640x480:d=0.04:r=25"
FAST = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "ac3"]


def sound(layout: str) -> str:
    return f"anullsrc=cl={layout}:r=48000:d=2"


def drawn(path: Path, *sources: str, options: list[str]) -> Probe:
    """A film with a stream of each source, in their order."""
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    maps = [word for number in range(len(sources)) for word in ("-map", str(number))]
    done = run_ffmpeg(["-y", *inputs, *maps, *options, f"file:{path}"], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    return probe(str(path))


def taken(film: Probe) -> list[int]:
    return [stream.index for stream in film.streams if stream.taken]


def why(film: Probe, index: int) -> str:
    return film.streams[index].why


# --- posters and covers


@pytest.mark.parametrize(
    ("flags", "codec"),
    [
        (["-disposition:v", "default"], ["-c:v:0", "mjpeg", "-pix_fmt:v:0", "yuvj420p"]),
        (["-disposition:v:0", "default", "-disposition:v:1", "0"], ["-c:v:0", "png", "-pix_fmt:v:0", "rgb24"]),
        (["-disposition:v", "0"], ["-c:v:0", "libx264"]),
        (["-disposition:v:0", "attached_pic"], ["-c:v:0", "png", "-pix_fmt:v:0", "rgb24"]),
    ],
    ids=["all_default", "only_the_poster_default", "a_larger_poster_in_h264", "a_cover"],
)
def test_a_poster_is_never_the_film(tmp_path: Path, flags: list[str], codec: list[str]) -> None:
    film = drawn(tmp_path / "film.mkv", POSTER, FILM, sound("stereo"), options=[*FAST, *codec, *flags])
    assert taken(film) == [1, 2]
    assert why(film, 0) in ("one picture only", "a cover")


def test_sound_with_a_picture_is_sound(tmp_path: Path) -> None:
    poster = ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "ac3"]
    film = drawn(tmp_path / "song.mkv", POSTER, sound("stereo"), options=poster)
    assert (film.video, taken(film)) == (None, [1])


def test_a_film_of_one_picture_stays_a_film(tmp_path: Path) -> None:
    film = drawn(tmp_path / "one.mkv", POSTER, options=["-c:v", "png"])
    assert film.video is not None


# --- programmes


def test_pictures_and_sound_are_of_one_programme(tmp_path: Path) -> None:
    programmes = ["-program", "title=One:st=0:st=1", "-program", "title=Two:st=2:st=3"]
    sources = LARGE_FILM, sound("mono"), FILM, sound("5.1")
    film = drawn(tmp_path / "two.ts", *sources, options=[*FAST, *programmes])
    assert (taken(film), why(film, 3)) == ([0, 1], "of another programme")
    assert [stream.programmes for stream in film.streams] == [(1,), (1,), (2,), (2,)]


# --- choices

LANGUAGES = ("-metadata:s:1", "language=eng"), ("-metadata:s:2", "language=ger"), ("-metadata:s:3", "language=fra")


@pytest.fixture(scope="module")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """English in 5.1, German in stereo, French in stereo with a commentary's title and flag."""
    tags = [word for pair in LANGUAGES for word in pair]
    tags += ["-metadata:s:3", "title=Director's commentary", "-disposition:a:2", "comment", "-disposition:a:0", "0"]
    path = tmp_path_factory.mktemp("films") / "languages.mkv"
    drawn(path, FILM, sound("5.1"), sound("stereo"), sound("stereo"), options=[*FAST, *tags])
    return path


def wanted(*languages: str, title: str = "", layouts: tuple[str, ...] = (), must: bool = False) -> StreamChoices:
    return StreamChoices(sound=StreamChoice(languages, title, layouts, must))


@pytest.mark.parametrize(
    ("choices", "stream", "words"),
    [
        (StreamChoices(), 1, "the largest one"),
        (wanted("deu", "eng"), 2, "chosen by language deu or eng"),
        (wanted("de-AT"), 2, "chosen by language de-AT"),
        (wanted("jpn", "en"), 1, "chosen by language jpn or en"),
        (wanted(layouts=("stereo",)), 2, "chosen by layout stereo"),
        (wanted(layouts=("7.1", "5.1")), 1, "chosen by layout 7.1 or 5.1"),
        (wanted(title="DIRECTOR"), 3, "chosen by title 'DIRECTOR'"),
        (wanted("fr"), 3, "chosen by language fr"),
        (wanted("jpn"), 1, "the largest one, as none is of language jpn"),
        (wanted("deu", layouts=("5.1",)), 1, "the largest one, as none is of language deu, layout 5.1"),
    ],
)
def test_a_choice_takes_what_fits_best_and_says_why(
    languages: Path, choices: StreamChoices, stream: int, words: str
) -> None:
    film = probe(str(languages), choices)
    assert (taken(film), why(film, stream)) == ([0, stream], words)
    assert film.audio is not None
    assert film.audio.index == stream


def test_a_choice_that_must_fit_takes_nothing_else(languages: Path) -> None:
    film = probe(str(languages), wanted("jpn", must=True))
    assert (taken(film), film.audio) == ([0], None)
    assert film.refused == (("audio", "none of 3 streams is of language jpn"),)


@pytest.mark.parametrize(("name", "kind", "left"), [(b"V_MPEG4/ISO/AVC", "video", 1), (b"A_AC3", "audio", 0)])
def test_streams_that_cannot_be_decoded_are_told(tmp_path: Path, name: bytes, kind: str, left: int) -> None:
    path = tmp_path / "film.mkv"
    drawn(path, FILM, sound("stereo"), options=FAST)
    path.write_bytes(path.read_bytes().replace(name, name[:-1] + b"Q"))
    film = probe(str(path))
    assert (taken(film), why(film, 1 - left)) == ([left], "in a codec that is not read")
    assert film.refused == ((kind, f"none of its streams can be decoded ({kind})"),)


def test_streams_are_named_as_the_file_names_them(languages: Path) -> None:
    assert probe(str(languages)).streams[3] == StreamInfo(
        index=3, kind="audio", codec="ac3", language="fra", title="Director's commentary", channels=2, layout="stereo",
        why="a commentary",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["de", "DE", "ger", "deu", "de-CH", "de_AT"])
def test_a_language_has_one_code_however_it_is_written(name: str) -> None:
    assert language_code(name) == "deu"


@pytest.mark.parametrize(
    ("title", "words"),
    [("Kommentar der Regie", "a commentary"), ("Audiodeskription", "a description for the blind"), ("Commander", "")],
)
def test_a_title_tells_of_a_commentary_where_no_flag_does(tmp_path: Path, title: str, words: str) -> None:
    options = [*FAST, "-metadata:s:1", f"title={title}", "-disposition:a", "0"]
    film = drawn(tmp_path / "film.mkv", FILM, sound("5.1"), sound("stereo"), options=options)
    assert taken(film) == [0, 2 if words else 1]
    assert why(film, 1) == (words or "the largest one")


def test_pictures_that_libav_takes_for_data_are_not_passed_over(tmp_path: Path) -> None:
    options = ["-c:v", "libsvtav1", "-preset", "12", "-c:a", "aac"]
    film = drawn(tmp_path / "film.ts", FILM, sound("mono"), options=options)
    assert film.refused == (("video", "none of its streams can be decoded (video)"),)
    assert (taken(film), why(film, 0)) == ([1], "in a codec that is not read")


def test_small_data_beside_sound_alone_are_no_pictures(tmp_path: Path) -> None:
    options = ["-c:v", "libsvtav1", "-preset", "12", "-crf", "60", "-c:a", "s302m", "-strict", "-2"]
    film = drawn(tmp_path / "film.ts", "color=red:d=2:s=64x64:r=1", sound("stereo"), options=options)
    assert (film.refused, why(film, 0)) == ((), "")


def test_a_stream_of_which_nothing_is_known_is_told_beside_sound(tmp_path: Path) -> None:
    """As where the first header of the pictures in Ogg is damaged: its packets are not even passed on."""
    path = tmp_path / "film.ogv"
    drawn(path, FILM, sound("mono"), options=["-c:v", "libtheora", "-c:a", "libvorbis"])
    path.write_bytes(path.read_bytes().replace(b"\x80theora", b"\x80thexra", 1))
    film = probe(str(path))
    (unknown,) = (stream.index for stream in film.streams if stream.kind == "unknown")
    assert (film.video, len(taken(film)), why(film, unknown)) == (None, 1, "in a codec that is not read")
