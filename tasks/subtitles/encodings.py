"""In which encoding is a text that does not say it? By its bytes, and by the letters that languages have.

Statistics of bytes tell scripts apart, and tell Shift JIS from GBK. The encodings of Latin letters they confuse: `Não`
of Portuguese is `Năo` in that of Central Europe. There the letters decide: no language has ă, ę and é together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

SAMPLE_BYTES = 1 << 18
MOST_LATIN = 0.4
"""Of the letters of a language that is written in Latin ones, at most this share is beyond ASCII."""
WELL_FIT = 0.9
"""So much of what is beyond ASCII must be letters of one language, or signs, for an encoding to be taken by them."""
ZEROS, ONE_SIDED = 0.1, 8
"""UTF-16 without a mark: at least this share of its bytes are 0, and so many times as often in one place of a pair."""
SIGNS = "“”‘’‚„«»‹›–—…¿¡°€£·•´©®™†‰§½¼²¶\xa0"
"""What texts have beyond letters. The note of songs is in none of these encodings: many write ¶ for it."""
WESTERN = (
    *("àâæçéèêëîïôœùûüÿ", "äöüß", "áéíñóúüªº", "àáâãçéêíóôõúüªº", "àèéìíîòóùú", "áéèêëíïóöúü", "åäöéàü", "æøåéèòóô"),
    *("áðéíóúýþæö", "àçèéíïòóúü", "õäöüšž"),
)
"""French, German, Spanish, Portuguese, Italian, Dutch, Swedish and Finnish, Danish and Norwegian, Icelandic, Catalan,
Estonian: the letters of each beyond ASCII."""
CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž", "çë")
"""Polish, Czech, Slovak, Hungarian, Romanian, Croatian and Slovene, Albanian."""
TONES = "\u0300\u0301\u0303\u0309\u0323"
VIETNAMESE = ("àáâãèéêìíòóôõùúýăđĩũơư" + TONES,)
"""Marks of tones follow the letter in cp1258: few letters have them built in."""
TURKISH = ("çğıi\u0307öşüâîû",)
"""`İ` is made small as an `i` with a dot of its own."""
BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "õäöüšž")
LATIN = {
    "cp1252": WESTERN,
    "cp1250": CENTRAL,
    "iso8859_2": CENTRAL,
    "cp1254": TURKISH,
    "cp1257": BALTIC,
    "iso8859_4": BALTIC,
    "iso8859_15": WESTERN,
    "cp1258": VIETNAMESE,
    "cp850": WESTERN,
    "mac_roman": WESTERN,
    "cp852": CENTRAL,
    "mac_latin2": CENTRAL,
}
"""Encodings of Latin letters, the usual one first: of two that fit alike it is taken. The last four are those of DOS
and of the Mac before Unicode."""
TELLING = {"cp1258": re.compile(f"[aăâeêioôơuưy][{TONES}]", re.IGNORECASE)}
"""What at least one in `TELLING_SHARE` signs beyond ASCII ends in an encoding whose letters many languages have."""
TELLING_SHARE = 10
NEVER_WITHIN = frozenset("‚„“‡†‰«»‹›¿¡°§¶©®™½¼²£€•")
"""Signs that no word has between two of its letters: where they are, they are letters of another encoding."""
GREEK = ("cp1253", "iso8859_7")
"""They differ in one letter, which one of them has where the other has a sign."""
ACCENTED_ALPHA = re.compile(r"\bΆ\w")
SWITCHES = {b"\x1b$B": "iso2022_jp", b"\x1b$@": "iso2022_jp", b"\x1b$)C": "iso2022_kr"}
"""Escapes by which a text of seven bits goes from ASCII to Japanese or Korean."""


def utf16_without_mark(data: bytes) -> str:
    """Which UTF-16 a text is in that has no mark at its beginning; '' where it is in none."""
    zeros = [data[place::2].count(0) for place in (0, 1)]
    if sum(zeros) < ZEROS * len(data) or max(zeros) < ONE_SIDED * max(1, min(zeros)):
        return ""
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


def switched_encoding(data: bytes) -> str:
    """The encoding of a text that switches between sets of signs by escapes (ISO/IEC 2022); '' where there are none."""
    return next((name for escape, name in SWITCHES.items() if escape in data), "")


def guessed_encoding(data: bytes) -> str | None:
    """The encoding that a text without zeros looks like most; None where it looks like none."""
    from charset_normalizer import from_bytes

    latin = _latin(data)
    if latin:
        return latin
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    match = from_bytes(telling[:SAMPLE_BYTES]).best()
    if match and match.encoding in GREEK:
        return max(GREEK, key=lambda encoding: len(ACCENTED_ALPHA.findall(data.decode(encoding, errors="replace"))))
    return match.encoding if match else None


def _latin(data: bytes) -> str:
    """The encoding of a text in Latin letters that fits one language best; '' where none fits well."""
    high = sum(byte > 0x7F for byte in data)
    letters = sum(0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A for byte in data) + high
    if not high or high > MOST_LATIN * letters:
        return ""
    fits = {encoding: _fit(data, encoding) for encoding in LATIN}
    best = max(fits, key=lambda encoding: fits[encoding])
    return best if fits[best] >= WELL_FIT else ""


def _fit(data: bytes, encoding: str) -> float:
    """The share of what is beyond ASCII that one language's letters, and signs, can be where they stand."""
    text = data.decode(encoding, errors="replace")
    placed = Counter(text[at].lower() for at in _beyond_ascii(text) if _stands_well(text, at))
    total = sum(1 for _ in _beyond_ascii(text))
    if encoding in TELLING and len(TELLING[encoding].findall(text)) * TELLING_SHARE < total:
        return 0.0
    return (
        max(
            sum(count for sign, count in placed.items() if sign in letters or sign in SIGNS)
            for letters in LATIN[encoding]
        )
        / total
    )


def _beyond_ascii(text: str) -> Iterator[int]:
    return (found.start() for found in re.finditer(r"[^\x00-\x7f]", text))


def _stands_well(text: str, at: int) -> bool:
    """Whether a sign may stand where it does: no capital after a small letter, no quotation mark within a word."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if text[at] in NEVER_WITHIN:
        return not (before.isalpha() and after.isalpha())
    return not (text[at].isupper() and before.islower())
