"""What labels are checked against: the length, rate and size of the film they are of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FilmFacts:
    """What is known of a film that may be labelled.

    duration_s: its length; None where it is unknown. shots: how many shots it has in the lake; None where there is no
    such table. in_lake: whether the lake holds anything of it. fps: pictures a second; None where it is unknown.
    varies: whether the time between pictures does, of which fps is the mean. first_s: when its first picture is shown.
    width, height: of its pictures as shown.
    """

    duration_s: float | None = None
    shots: int | None = None
    in_lake: bool = True
    fps: float | None = None
    first_s: float = 0.0
    width: int | None = None
    height: int | None = None
    varies: bool = False
