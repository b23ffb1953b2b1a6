"""The screenplay: a film as plain data, made from a seed before anything is drawn.

Film `index` of a seed depends on nothing else, so a catalogue may be drawn in any order, in parallel, or in parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from examples.cast import BAD, CAST, GOOD
from examples.kinds import KINDS

FIRST_WORDS = (
    "red",
    "silent",
    "last",
    "golden",
    "hollow",
    "seventh",
    "winter",
    "crooked",
    "northern",
    "paper",
    "broken",
    "distant",
)
LAST_WORDS = (
    "harbour",
    "witness",
    "letter",
    "garden",
    "road",
    "signal",
    "orchard",
    "mirror",
    "captain",
    "river",
    "lantern",
    "bridge",
)
GRADUAL_FRAMES = (8, 16)
SHORTEST_SHOT = 9
"""In frames; a gradual transition takes no more than half of the shots beside it."""


@dataclass(frozen=True)
class Shot:
    """One shot: who is in it, how it is framed, and how it begins."""

    number: int
    start_frame: int
    end_frame: int
    transition: str
    """How it begins: start, cut, fade or dissolve."""
    transition_frames: int
    framing: str
    """place, long, two, close, over (over a shoulder) or gag."""
    people: tuple[str, ...]
    """Recognisable people, left to right."""
    expressions: tuple[str, ...]
    speaker: int | None
    back: str
    """Over whose shoulder the camera looks; empty in other framings."""
    action: str
    move: str
    """still, pan, push, pull, shake or whip (a pan as fast as a cut)."""
    direction: int
    size: int
    """Size of the nearest face's box, in pixels."""
    offset: int
    """Where in the place the camera points, in pixels."""
    flash: int | None
    """Frame of a flash of light within the shot that is no cut, counted from its start."""
    seed: int

    @property
    def frames(self) -> int:
        return self.end_frame - self.start_frame

    @property
    def transition_range(self) -> tuple[int, int]:
        """Frames of the gradual transition; empty, at the first frame, for a cut."""
        before = self.transition_frames // 2
        return self.start_frame - before, self.start_frame + self.transition_frames - before


@dataclass(frozen=True)
class Scene:
    """Shots of one time and place with one purpose."""

    number: int
    kind: str
    place: str
    night: bool
    rain: bool
    people: tuple[str, ...]
    shots: tuple[Shot, ...]
    laughs: tuple[tuple[float, float, float], ...]
    """Funny spans: start of the joke, start of the laughter, end of both, in seconds of the film."""
    valence: float
    arousal: float
    seed: int


@dataclass(frozen=True)
class Film:
    """A whole film."""

    movie_id: str
    title: str
    index: int
    seed: int
    fps: int
    frames: int
    scenes: tuple[Scene, ...]

    @property
    def duration_s(self) -> float:
        return self.frames / self.fps

    @property
    def shots(self) -> list[Shot]:
        return [shot for scene in self.scenes for shot in scene.shots]

    def scenes_with_shots(self) -> Iterator[tuple[Scene, Shot]]:
        for scene in self.scenes:
            for shot in scene.shots:
                yield scene, shot


def write_script(seed: int, index: int, seconds: float | None = None) -> Film:
    """The screenplay of one film, `seconds` long (about 42 to 58 unless told)."""
    rng = np.random.default_rng([seed, index])
    fps = int(rng.choice((24, 25)))
    target_s = float(rng.uniform(42, 58))
    scenes = _plan_scenes(rng, seed, index, target_s)
    if seconds is not None:
        scenes, target_s = [replace(scene, shots=scene.shots[:3]) for scene in scenes[:3]], seconds
    scenes, frames = _fit(scenes, round(target_s * fps), rng)
    words = (FIRST_WORDS[int(rng.integers(len(FIRST_WORDS)))], LAST_WORDS[int(rng.integers(len(LAST_WORDS)))])
    film = Film(
        f"the_{words[0]}_{words[1]}_{index:03d}",
        f"The {words[0].title()} {words[1].title()}",
        index,
        seed,
        fps,
        frames,
        tuple(scenes),
    )
    return replace(film, scenes=tuple(_add_laughs(scene, fps, rng) for scene in film.scenes))


def _plan_scenes(rng: np.random.Generator, seed: int, index: int, target_s: float) -> list[Scene]:
    """Scenes until the film is long enough: three to six, never the same place twice in a row."""
    heroes = tuple(rng.permutation(GOOD)[:3].tolist())
    villains = tuple(rng.permutation(BAD).tolist())
    kinds = _opening_kinds(rng, seed, index)
    scenes: list[Scene] = []
    while len(scenes) < 3 or (len(scenes) < 6 and sum(_length(scene) for scene in scenes) < target_s - 6):
        if len(scenes) == len(kinds):
            kinds.append(_pick_kind(rng, kinds))
        before = scenes[-1].place if scenes else ""
        scenes.append(_plan_scene(rng, len(scenes), kinds[len(scenes)], before, heroes, villains))
    return scenes


def _opening_kinds(rng: np.random.Generator, seed: int, index: int) -> list[str]:
    """Three kinds, one of them the film's by turn, so that eleven films in a row have every kind; often a comedy."""
    kinds = [str(np.random.default_rng([seed, 47]).permutation(list(KINDS))[index % len(KINDS)])]
    if "comedy" not in kinds and rng.random() < 0.5:
        kinds.append("comedy")
    while len(kinds) < 3:
        kinds.append(_pick_kind(rng, kinds))
    return [str(kind) for kind in rng.permutation(kinds)]


def _length(scene: Scene) -> float:
    return sum(shot.frames for shot in scene.shots) / 1000


def _pick_kind(rng: np.random.Generator, used: list[str]) -> str:
    weights = np.array(
        [kind.weight * (0.0 if used and used[-1] == name else 0.2 ** used.count(name)) for name, kind in KINDS.items()]
    )
    return str(rng.choice(list(KINDS), p=weights / weights.sum()))


def _plan_scene(
    rng: np.random.Generator,
    number: int,
    name: str,
    place_before: str,
    heroes: tuple[str, ...],
    villains: tuple[str, ...],
) -> Scene:
    kind = KINDS[name]
    place = str(rng.choice([place for place in kind.places if place != place_before] or kind.places))
    people = _pick_people(rng, name, heroes, villains)
    action = str(rng.choice(kind.actions))
    night = place in ("bar", "prison") or bool(rng.random() < (0.8 if place == "street" else 0.3))
    framings = _framings(rng, name)
    shots = tuple(_plan_shot(rng, name, i, framing, people, action) for i, framing in enumerate(framings))
    rain = name in ("sorrow", "dialogue") and place in ("street", "harbour", "forest") and bool(rng.random() < 0.6)
    valence = float(np.clip(kind.valence + rng.normal(0, 0.12), -0.98, 0.98))
    arousal = float(np.clip(kind.arousal + rng.normal(0, 0.12), -0.98, 0.98))
    return Scene(number, name, place, night, rain, people, shots, (), valence, arousal, int(rng.integers(1 << 31)))


def _pick_people(
    rng: np.random.Generator,
    kind: str,
    heroes: tuple[str, ...],
    villains: tuple[str, ...],
) -> tuple[str, ...]:
    """Two people, the leading one first."""
    hero, friend = rng.permutation(heroes)[:2].tolist()
    villain, partner = rng.permutation(villains)[:2].tolist()
    if kind == "joy":
        return (villain, partner)
    if kind in ("chase", "battle"):
        return (hero, villain)
    if kind == "argument":
        return ((hero, friend), (hero, villain), (villain, partner))[int(rng.integers(3))]
    if kind in ("victory", "preparation"):
        return (hero, friend) if rng.random() < 0.6 else (villain, partner)
    return (hero, friend)


def _framings(rng: np.random.Generator, name: str) -> list[str]:
    kind = KINDS[name]
    count = int(rng.integers(kind.shots[0], kind.shots[1] + 1))
    opening = ["place"] if rng.random() < 0.35 else ["long"] if rng.random() < 0.5 else []
    body = [kind.framings[i % len(kind.framings)] for i in range(count)]
    return (opening + body)[: max(3, count)]


def _plan_shot(
    rng: np.random.Generator,
    name: str,
    turn: int,
    framing: str,
    people: tuple[str, ...],
    action: str,
) -> Shot:
    """A shot whose frames are, until the film is fitted to its length, thousandths of a second."""
    kind = KINDS[name]
    if name == "battle":
        action = str(rng.choice(kind.actions))
    seen = _seen(rng, framing, turn, people)
    low, high = kind.shot_s
    milliseconds = round(1000 * (rng.uniform(low, high) + (0.8 if framing in ("place", "gag") else 0.0)))
    loud = name in ("chase", "battle")
    moves, odds = (
        ("still", "pan", "push", "pull", "shake", "whip"),
        (0.2, 0.35, 0.05, 0.05, 0.3, 0.05) if loud else (0.45, 0.2, 0.15, 0.12, 0.02, 0.06),
    )
    flash = (name == "battle" and action in ("explosion", "destruction")) or rng.random() < 0.06
    sizes = {"close": (112, 172), "over": (100, 140), "gag": (100, 125)}.get(framing, (88, 106))
    return Shot(
        0,
        0,
        milliseconds,
        "cut",
        0,
        framing,
        seen,
        tuple(str(rng.choice(kind.expressions)) for _ in seen),
        int(rng.integers(len(seen))) if kind.talks and seen and framing != "gag" else None,
        next((name for name in people if name not in seen), "") if framing == "over" else "",
        action,
        str(rng.choice(moves, p=odds)),
        int(rng.choice((-1, 1))),
        int(rng.integers(*sizes)),
        int(rng.integers(1024)),
        int(rng.integers(4, 12)) if flash else None,
        int(rng.integers(1 << 31)),
    )


def _seen(rng: np.random.Generator, framing: str, turn: int, people: tuple[str, ...]) -> tuple[str, ...]:
    """Who is seen: nobody in an establishing shot, the people in turn in close-ups."""
    if framing == "place":
        return ()
    if framing in ("close", "over", "gag"):
        return (people[turn % 2] if rng.random() < 0.9 else people[0],)
    return people if rng.random() < 0.7 else people[::-1]


def _fit(scenes: list[Scene], frames: int, rng: np.random.Generator) -> tuple[list[Scene], int]:
    """Number the shots, stretch them over `frames`, and decide how scenes follow each other."""
    total = sum(shot.frames for scene in scenes for shot in scene.shots)
    fitted: list[Scene] = []
    start, number, before = 0, 0, 0
    for scene in scenes:
        shots: list[Shot] = []
        for shot in scene.shots:
            length = max(SHORTEST_SHOT, round(shot.frames * frames / total))
            kind, span = _transition(rng, number, not shots, min(before, length))
            flash = shot.flash if shot.flash and shot.flash + 6 < length else None
            shots.append(
                replace(
                    shot,
                    number=number,
                    start_frame=start,
                    end_frame=start + length,
                    transition=kind,
                    transition_frames=span,
                    flash=flash,
                )
            )
            start, number, before = start + length, number + 1, length
        fitted.append(replace(scene, shots=tuple(shots)))
    return fitted, start


def _transition(rng: np.random.Generator, number: int, opens_scene: bool, shorter: int) -> tuple[str, int]:
    if number == 0:
        return "start", 0
    kind = str(rng.choice(("cut", "fade", "dissolve"), p=(0.42, 0.28, 0.30)))
    span = min(int(rng.integers(GRADUAL_FRAMES[0], GRADUAL_FRAMES[1] + 1)), shorter)
    return (kind, span) if opens_scene and kind != "cut" and span >= GRADUAL_FRAMES[0] else ("cut", 0)


def _add_laughs(scene: Scene, fps: int, rng: np.random.Generator) -> Scene:
    """The audience laughs at every gag, and now and then at a witty line of a dialogue."""
    laughs: list[tuple[float, float, float]] = []
    witty = scene.kind == "dialogue" and rng.random() < 0.4
    for i, shot in enumerate(scene.shots):
        joke = shot.framing == "gag" or (witty and i == len(scene.shots) - 2)
        start, end = shot.start_frame / fps, shot.end_frame / fps
        if joke and (not laughs or start >= laughs[-1][2]):
            laugh = start + min(1.1, 0.4 * (end - start))
            last = scene.shots[-1].end_frame / fps
            laughs.append((round(start, 3), round(laugh, 3), round(min(end + rng.uniform(0.2, 1.0), last), 3)))
    return replace(scene, laughs=tuple(laughs))


def sides(people: tuple[str, ...]) -> tuple[str, ...]:
    """Whether each of the people is good or bad."""
    return tuple(CAST[name].side for name in people)
