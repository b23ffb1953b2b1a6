"""Which lines can be nothing but a role, and which may name people: for cards of an opening, among titles and signs."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DONE_BY = _words(
    "adapted animated cast choreographed composed conducted created designed directed edited filmed narrated performed "
    "photographed produced shot written based story screenplay music cinematography photography production editing "
    "film costumes sound casting choreography lyrics songs score animation teleplay dialogue"
)
"""Words of which one must stand before `by`."""
ROLES = _words(
    "animator cameraman choreographer cinematographer co-director co-producer co-writer composer cinematography "
    "director directors editor editors narrator photographer producer producers screenplay screenwriter starring "
    "featuring writer writers drehbuch kamera produzent regie schnitt kostüme darsteller réalisation réalisateur "
    "scénario scénariste monteur montage dialogues guion guión montaje dirección regia sceneggiatura montaggio"
)
"""Words of which one makes a line a role by itself."""
BESIDE = _words(
    "a the and of & art assistant associate casting chief co costume costumes executive first film head lead line "
    "music original photography production second senior set sound special story supervising visual effects design "
    "designer guest also introducing with de la del und et y e fotografia"
)
SMALL = _words("and und et y e de del della di da du la le van von der den ten ter bin ibn af av")
"""Words that a name has in small letters."""
PERSON = re.compile(r"[^\W\d_][\w'’.\-]*(?:\s+(?:[^\W\d_][\w'’.\-]*|&)){1,6}")
"""Two words to seven."""
MADE_BY = re.compile(
    r"(?:réalisé|écrit|produit|dirigid[ao]|escrit[ao]|diretto|scritto|prodotto)\s+(?:par|por|da)"
    r"|un film (?:de|di)|ein film von|a film by"
)
LONGEST = 60


def is_role(text: str) -> bool:
    """Whether a text can be nothing but a role: `Directed by`, `Director of Photography`, `Regie`."""
    plain = text.strip(" .:…_-–—").casefold()
    words = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*|&", plain)
    if not words or len(plain) > LONGEST:
        return False
    if MADE_BY.fullmatch(plain):
        return True
    if words[-1] == "by":
        return bool(DONE_BY.intersection(words)) and DONE_BY.union(ROLES, BESIDE, {"by"}).issuperset(words)
    return bool(ROLES.intersection(words)) and ROLES.union(BESIDE).issuperset(words)


def is_person(text: str) -> bool:
    """Whether a text may name people: words that begin with capitals, none of them a role."""
    begin = [word[0] for word in text.split() if word[0].isalpha() and word.casefold() not in SMALL]
    return bool(PERSON.fullmatch(text)) and all(map(str.isupper, begin)) and len(text) <= LONGEST and not is_role(text)
