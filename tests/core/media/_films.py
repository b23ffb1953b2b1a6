"""Films drawn by ffmpeg itself."""

from pathlib import Path

from cinelake.media.ffmpeg import run_ffmpeg

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
