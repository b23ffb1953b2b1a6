"""Kinds of scene: where each may happen, how it feels, how it is shot, and which tags and beats it carries."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What all scenes of one kind have in common."""

    places: tuple[str, ...]
    valence: float
    arousal: float
    shots: tuple[int, int]
    """Fewest and most shots."""
    shot_s: tuple[float, float]
    """Shortest and longest shot before the film is fitted to its length."""
    framings: tuple[str, ...]
    """The framings its shots go through, again and again after the opening."""
    expressions: tuple[str, ...]
    tags: tuple[str, ...]
    actions: tuple[str, ...] = ("talk",)
    """What people do in its long shots; one action is drawn per scene, or one per shot in a battle."""
    weight: float = 1.0
    """How often films have such a scene."""
    talks: bool = False


KINDS = {
    "dialogue": Kind(
        ("harbour", "forest", "kitchen", "office", "street", "theatre", "bar"),
        0.10,
        -0.30,
        (4, 7),
        (2.0, 4.2),
        ("two", "close", "close", "over", "close"),
        ("neutral", "neutral", "happy", "surprised", "sad"),
        ("drama", "dialogue"),
        weight=1.5,
        talks=True,
    ),
    "chase": Kind(
        ("street", "desert", "forest", "harbour"),
        -0.15,
        0.85,
        (6, 8),
        (0.7, 1.6),
        ("long", "long", "close", "long"),
        ("fear", "angry", "surprised"),
        ("action",),
        ("car", "car", "run", "bike", "horse"),
        1.6,
    ),
    "preparation": Kind(
        ("battlefield", "hills", "desert"),
        -0.20,
        0.30,
        (3, 5),
        (1.8, 3.4),
        ("long", "close", "long"),
        ("neutral", "angry"),
        ("war", "military", "weapon"),
        ("march",),
        0.8,
    ),
    "battle": Kind(
        ("battlefield", "hills", "forest", "street"),
        -0.55,
        0.92,
        (5, 8),
        (0.8, 2.2),
        ("long", "long", "close", "long"),
        ("angry", "fear", "angry"),
        ("action", "war", "violence"),
        ("fight", "explosion", "destruction", "fire", "arrows"),
        1.6,
    ),
    "sorrow": Kind(
        ("street", "harbour", "forest", "office"),
        -0.80,
        -0.60,
        (3, 5),
        (3.0, 5.2),
        ("close", "long", "close"),
        ("sad",),
        ("drama",),
        ("grieve",),
        1.2,
    ),
    "prison": Kind(
        ("prison",),
        -0.85,
        -0.25,
        (3, 5),
        (2.6, 4.6),
        ("close", "long", "close"),
        ("sad", "fear"),
        ("prison", "drama"),
        ("grieve",),
        0.9,
    ),
    "joy": Kind(
        ("bar", "theatre", "square"),
        0.85,
        0.60,
        (3, 6),
        (1.6, 3.2),
        ("long", "close", "two"),
        ("happy",),
        ("dance", "music"),
        ("dance",),
        1.1,
    ),
    "comedy": Kind(
        ("kitchen", "office", "theatre", "bar"),
        0.55,
        0.30,
        (4, 7),
        (1.8, 3.4),
        ("two", "gag", "close", "gag", "close"),
        ("happy", "surprised", "disgust", "happy"),
        ("comedy",),
        ("slip",),
        1.9,
        talks=True,
    ),
    "argument": Kind(
        ("office", "kitchen", "harbour", "street", "square"),
        -0.50,
        0.50,
        (4, 7),
        (1.4, 2.8),
        ("two", "close", "close", "over"),
        ("angry", "angry", "disgust", "fear"),
        ("drama", "dialogue"),
        weight=1.2,
        talks=True,
    ),
    "victory": Kind(
        ("hills", "battlefield", "square", "harbour"),
        0.80,
        0.72,
        (3, 5),
        (2.0, 3.6),
        ("long", "close", "long"),
        ("happy",),
        ("adventure",),
        ("cheer",),
        1.0,
    ),
    "romance": Kind(
        ("harbour", "hills", "bar", "forest"),
        0.60,
        -0.35,
        (3, 6),
        (2.4, 4.2),
        ("two", "close", "close"),
        ("happy", "happy", "neutral"),
        ("romance",),
        talks=True,
        weight=0.9,
    ),
}

PLACE_TAGS = {
    "harbour": "beach/sea",
    "forest": "forest",
    "desert": "desert",
    "bar": "club/bar",
    "hills": "valleys/hills",
    "kitchen": "food",
}
ACTION_TAGS = {
    "car": ("car chase",),
    "explosion": ("bomb explosion", "destruction"),
    "destruction": ("destruction",),
    "fight": ("sword fight", "weapon"),
    "arrows": ("weapon",),
    "fire": ("destruction",),
    "slip": ("slapstick",),
    "horse": ("animal",),
}
SUBCATEGORIES = {
    "car": "car pursuit",
    "bike": "bike pursuit",
    "horse": "horse pursuit",
    "run": "men pursuit",
    "fight": "physical war",
    "destruction": "war destruction",
    "explosion": "bomb explosion",
    "fire": "fire attack",
    "arrows": "arrows' war",
}


WEATHER_TAGS = ("night", "rain")


def all_tags() -> tuple[str, ...]:
    """Every tag that a drawn shot may carry, in the order of the alphabet."""
    of_kinds = {tag for kind in KINDS.values() for tag in kind.tags}
    of_actions = {tag for tags in ACTION_TAGS.values() for tag in tags}
    return tuple(sorted({"dialogue", *of_kinds, *PLACE_TAGS.values(), *of_actions, *WEATHER_TAGS}))


def beat_category(kind: str, sides: tuple[str, ...]) -> str | None:
    """The beat event of a scene (the eleven of the Action Movie Franchise data set), or None for everyday scenes.

    `sides` are those (`good`, `bad`) of the scene's people, the leading one first.
    """
    if kind == "argument":
        lead, other = sorted(sides[:2], reverse=True)
        return f"{lead} argue {other}"
    if kind == "victory":
        return f"victory {sides[0]}"
    return {
        "chase": "pursuit",
        "preparation": "battle preparation",
        "battle": "battle",
        "sorrow": "despair good",
        "prison": "despair good",
        "joy": "joy bad",
        "romance": "romance",
    }.get(kind)


def beat_subcategory(kind: str, action: str) -> str:
    """How the beat plays out; empty where the category has no parts."""
    if kind == "sorrow":
        return "despair by expressions"
    if kind == "prison":
        return "despair in jail"
    return SUBCATEGORIES.get(action, "") if kind in ("chase", "battle") else ""
