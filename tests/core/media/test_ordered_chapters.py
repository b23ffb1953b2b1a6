"""A Matroska film of which ordered chapters are in other files says so; chapters of its own are its own affair."""

from __future__ import annotations

from pathlib import Path

import pytest
from _films import make_film
from _recorder import Recorder

from cinelake.errors import DamagedFilm
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.task import VideoClock

DISPLAY, DEFAULT_EDITION, ORDERED = b"\x80", b"\x45\xdb\x81", b"\x45\xdd\x81\x01"
TITLE = "a title that takes so much room as the name of a segment does"
OTHER = b"\x6e\x67\x90" + bytes(range(16))


def with_chapters(path: Path, *, ordered: bool, linked: bool) -> Path:
    """A film with a chapter. ordered: its edition's flag; linked: another segment's name in place of its title."""
    make_film(path.with_name("plain.mkv"), "testsrc2=d=1:s=64x48:r=25")
    notes = path.with_name("notes.txt")
    notes.write_text(f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle={TITLE}\n")
    inputs = ["-i", str(path.with_name("plain.mkv")), "-f", "ffmetadata", "-i", str(notes), "-map_metadata", "1"]
    done = run_ffmpeg([*inputs, "-c", "copy", str(path)], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    data = path.read_bytes()
    edition = data.index(DEFAULT_EDITION)
    data = data[:edition] + ORDERED + data[edition + 4 :] if ordered else data
    title = data.index(TITLE.encode())
    display = data.rindex(DISPLAY, 0, title)
    room = title + len(TITLE) - display
    rest = room - len(OTHER) - 2
    path.write_bytes(
        data[:display] + OTHER + b"\xec" + bytes([0x80 | rest]) + bytes(rest) + data[display + room :]
        if linked
        else data
    )
    return path


def clock_of(path: Path, *, keep: bool = False) -> Recorder:
    seen = Recorder(c=VideoClock())
    read_film(str(path), probe(str(path)), [seen], deadline_s=60, keep_damaged=keep)
    return seen


def test_parts_in_other_files_are_missed(tmp_path: Path) -> None:
    path = with_chapters(tmp_path / "film.mkv", ordered=True, linked=True)
    with pytest.raises(DamagedFilm, match="in other files"):
        clock_of(path)


def test_a_film_without_its_parts_can_be_accepted(tmp_path: Path) -> None:
    seen = clock_of(with_chapters(tmp_path / "film.mkv", ordered=True, linked=True), keep=True)
    assert len(seen.frames("c")) == 25
    assert seen.report is not None
    assert "in other files" in seen.report.damage


@pytest.mark.parametrize(("ordered", "linked"), [(True, False), (False, True), (False, False)])
def test_chapters_of_its_own_are_no_damage(tmp_path: Path, ordered: bool, linked: bool) -> None:
    seen = clock_of(with_chapters(tmp_path / "film.mkv", ordered=ordered, linked=linked))
    assert len(seen.frames("c")) == 25
