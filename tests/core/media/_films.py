"""Films drawn by ffmpeg itself."""

from pathlib import Path

from cinelake.media.ffmpeg import run_ffmpeg

MARK = b"QXZTITLEZXQ"
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"]


def make_film(path: Path, *sources: str, options: list[str] | None = None) -> Path:
    """Draw a film from lavfi sources (`testsrc2=d=2`, `sine=d=2`) into `path`."""
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    done = run_ffmpeg(["-y", *inputs, *(options or X264), f"file:{path}"], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    return path


def remux(source: Path, target: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
    """Copy the streams of `source` into another container."""
    done = run_ffmpeg(
        ["-y", *before, "-i", str(source), "-map", "0", "-c", "copy", *options, str(target)], deadline_s=60
    )
    assert done.returncode == 0, done.log_tail
    return target


def titled(source: Path, target: Path, bad: bytes) -> Path:
    """The film with a mark as title of the film, of its streams and a chapter, one byte of which is then replaced."""
    word = MARK.decode()
    notes = target.with_suffix(".txt")
    notes.write_text(f";FFMETADATA1\ntitle={word}\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle={word}\n")
    streams = ["-vn", "-c:a", "pcm_s16le"] if target.suffix == ".wav" else ["-c", "copy"]
    streams += ["-bsf:v", "h264_mp4toannexb"] if target.suffix == ".avi" else []
    titles = ["-metadata:s:a", f"title={word}", "-metadata", f"artist={word}"]
    inputs = ["-y", "-i", str(source), "-f", "ffmetadata", "-i", str(notes), "-map", "0", "-map_metadata", "1"]
    done = run_ffmpeg([*inputs, "-map_chapters", "1", *titles, *streams, str(target)], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    data = target.read_bytes()
    assert MARK in data
    target.write_bytes(data.replace(MARK, MARK[:5] + bad + MARK[6:]))
    return target
