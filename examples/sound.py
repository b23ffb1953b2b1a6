"""The sound of a film: music, voices and noises mixed into one track."""

import numpy as np

from examples import noises, voices
from examples.affect import affect_line
from examples.kinds import KINDS
from examples.music import RATE, Wave, add, faded, samples, scene_music
from examples.places import INDOORS
from examples.script import Film, Scene, Shot


def film_sound(film: Film) -> Wave:
    """The film's mono track at 44.1 kHz, in [-1, 1]."""
    track = np.zeros(samples(film.duration_s), dtype=np.float32)
    music = np.zeros_like(track)
    for scene in film.scenes:
        start, end = scene.shots[0].start_frame / film.fps, scene.shots[-1].end_frame / film.fps
        add(music, scene_music(film, scene, end - start), start, 0.6 if KINDS[scene.kind].talks else 1.0)
        _add_air(track, scene, start, end)
        for shot in scene.shots:
            _add_shot(track, scene, shot, film.fps)
        for joke_s, laugh_s, end_s in scene.laughs:
            add(track, voices.laughter(end_s - laugh_s, scene.seed + round(joke_s * 1000)), laugh_s, 0.8)
    track += music * _loudness(film, len(track))
    volume = np.random.default_rng([film.seed, film.index, 37]).uniform(0.7, 1.1)
    return np.tanh(track * volume).astype(np.float32)


def _loudness(film: Film, n: int) -> Wave:
    """Music swells with arousal."""
    seconds = np.arange(0.0, film.duration_s + 0.5, 0.25)
    arousal = affect_line(film, seconds)[:, 1]
    return np.interp(np.arange(n) / RATE, seconds, 1.0 + 0.5 * arousal).astype(np.float32)


def _add_air(track: Wave, scene: Scene, start_s: float, end_s: float) -> None:
    """The noise of the place itself."""
    rng = np.random.default_rng([scene.seed, 41])
    seconds = end_s - start_s
    add(track, noises.low(rng.normal(0, 1, samples(seconds)).astype(np.float32), 400), start_s, 0.015)
    if scene.rain and scene.place not in INDOORS:
        add(track, faded(noises.rain(seconds, rng), 0.3, 0.3), start_s, 0.10)
    if scene.place in ("desert", "hills", "harbour"):
        add(track, faded(noises.wind(seconds, rng), 0.4, 0.4), start_s, 0.05)
    if scene.kind in ("joy", "victory") and scene.place != "harbour":
        add(track, voices.applause(seconds, scene.seed), start_s, 0.10)


def _add_shot(track: Wave, scene: Scene, shot: Shot, fps: int) -> None:
    """What is heard because of what is seen in one shot."""
    rng = np.random.default_rng([shot.seed, 43])
    start, seconds = shot.start_frame / fps, shot.frames / fps
    add(track, voices.speech(shot, fps), start)
    if scene.kind == "chase":
        _add_chase(track, shot, start, seconds, rng)
    elif scene.kind == "battle":
        _add_battle(track, shot, start, seconds, fps, rng)
    elif scene.kind == "preparation":
        add(track, noises.steps(seconds, rng, 1.8, False), start, 0.30)
    if shot.framing == "gag" and rng.random() < 0.7:
        add(track, noises.pratfall(0.42 * seconds), start, 0.12)


def _add_chase(track: Wave, shot: Shot, start: float, seconds: float, rng: np.random.Generator) -> None:
    near = 1.0 if shot.framing == "long" else 0.5
    if shot.action in ("car", "bike"):
        add(track, faded(noises.engine(seconds, rng, shot.action == "bike"), 0.03, 0.03), start, 0.6 * near)
    else:
        add(
            track,
            noises.steps(seconds, rng, 2.3 if shot.action == "horse" else 3.2, shot.action == "horse"),
            start,
            0.35 * near,
        )


def _add_battle(track: Wave, shot: Shot, start: float, seconds: float, fps: int, rng: np.random.Generator) -> None:
    near = 1.0 if shot.framing == "long" else 0.6
    if shot.action in ("explosion", "destruction"):
        add(track, noises.explosion(rng), start + (shot.flash or 4) / fps, 0.8 * near)
    elif shot.action == "fire":
        add(track, faded(noises.crackle(seconds, rng), 0.05, 0.05), start, 0.20 * near)
    elif shot.action == "arrows":
        for now in np.arange(0.0, seconds, 0.6):
            add(track, noises.whoosh(rng), start + float(now), 0.22 * near)
    else:
        add(track, noises.blades(seconds, rng), start, 0.45 * near)
