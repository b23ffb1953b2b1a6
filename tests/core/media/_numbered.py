"""Films whose every picture shows its number as bars, and whose sound clicks; and reading both back."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from core.media._films import X264, make_film

BITS = 10
SOUND_RATE = 48_000


def numbered_film(
    path: Path,
    *,
    frames: int = 100,
    rate: str = "25",
    sound: bool = True,
    click_every_s: float = 1.0,
    more: str = "",
    options: list[str] | None = None,
) -> Path:
    """A film of 160×32: bit k of a picture's number is a bar at x = 16 k; a click of 1 ms each `click_every_s`."""
    seconds = float(frames / Fraction(rate))
    bars = "+".join(f"bitand(floor(N/{1 << k})\\,1)*between(X\\,{16 * k + 2}\\,{16 * k + 13})" for k in range(BITS))
    sources = [f"color=black:s=160x32:r={rate}:d={seconds},format=gray,geq=lum='16+219*({bars})'{more}"]
    if sound:
        click = f"if(lt(mod(t+0.5/{SOUND_RATE},{click_every_s}),0.001),0.9,0)"
        sources.append(f"aevalsrc='{click}':d={seconds}:s={SOUND_RATE}")
    return make_film(
        path, *sources, options=options or [*X264, "-pix_fmt", "yuv420p", *(["-c:a", "aac"] if sound else [])]
    )


def shown_numbers(path: Path) -> list[int]:
    """The number that each picture shows, in order of presentation."""
    with av.open(str(path)) as film:
        pictures = [picture.to_ndarray(format="gray") for picture in film.decode(video=0)]
    return [sum(1 << k for k in range(BITS) if picture[16, 16 * k + 8] > 128) for picture in pictures]


def picture_times_s(path: Path) -> list[float]:
    """When each picture is shown."""
    with av.open(str(path)) as film:
        return [float(picture.time) for picture in film.decode(video=0)]


def click_times_s(path: Path) -> list[float]:
    """When clicks begin in the sound, by its time stamps."""
    with av.open(str(path)) as film:
        parts = [(frame.time, frame.rate, frame.to_ndarray().mean(axis=0)) for frame in film.decode(audio=0)]
    times = np.concatenate([time + np.arange(len(values)) / rate for time, rate, values in parts])
    loud = np.flatnonzero(np.abs(np.concatenate([values for _, _, values in parts])) > 0.3)
    first = loud[np.diff(loud, prepend=-SOUND_RATE) > SOUND_RATE // 100]
    return [float(times[k]) for k in first]
