"""The cast: six people who recur in every film, recognisable by hair, skin, clothes and voice."""

from dataclasses import dataclass

Colour = tuple[int, int, int]
"""Blue, green, red, as OpenCV draws."""

NOBODY = "nobody"
EXPRESSIONS = ("neutral", "happy", "sad", "angry", "surprised", "fear", "disgust")


@dataclass(frozen=True)
class Character:
    """One recurring person."""

    name: str
    side: str
    """`good` or `bad`: beat events tell good people's victories from bad people's."""
    skin: Colour
    hair: Colour
    style: str
    """How the hair is worn: long, short, curly, cap, bald or bob."""
    clothes: Colour
    trousers: Colour
    voice_hz: float
    glasses: bool = False
    beard: bool = False
    lips: Colour = (92, 92, 168)


CAST = {
    person.name: person
    for person in (
        Character("mara", "good", (168, 194, 236), (30, 52, 150), "long", (84, 142, 58), (70, 60, 50), 215.0),
        Character(
            "tomas", "good", (120, 158, 208), (32, 28, 30), "short", (168, 98, 48), (58, 50, 46), 120.0, glasses=True
        ),
        Character("ines", "good", (74, 106, 158), (22, 22, 30), "curly", (52, 184, 232), (96, 70, 130), 240.0),
        Character(
            "oskar", "good", (156, 180, 226), (150, 170, 186), "cap", (44, 108, 222), (88, 66, 40), 98.0, beard=True
        ),
        Character("viktor", "bad", (186, 198, 216), (40, 36, 40), "bald", (40, 34, 36), (30, 28, 28), 84.0, beard=True),
        Character(
            "sable",
            "bad",
            (150, 178, 214),
            (214, 214, 206),
            "bob",
            (128, 44, 104),
            (44, 24, 40),
            180.0,
            lips=(70, 30, 120),
        ),
    )
}
GOOD = tuple(name for name, person in CAST.items() if person.side == "good")
BAD = tuple(name for name, person in CAST.items() if person.side == "bad")
