"""In which script a reading is, and whether the reader is to be believed in it.

The reader knows Latin letters, Chinese and Japanese. Of Greek it has some letters and takes the others for Latin ones
that look alike (ΑΘΗΝΑ is AOHNA), of Cyrillic it has none (МОСКВА is MOCKBA): such a line is no reading. Where all its
letters look alike in several scripts, the writing around it decides, or small capitals within a word (MockBa), or a
list of words. Nor is a line a reading of which a letter is lacking: of Vietnamese, what is left tells that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from tasks.writing.lacking import LACKING

READ = ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "FULLWIDTH LATIN", "IDEOGRAPHIC", "MODIFIER")
"""What names of letters begin with, in Unicode, of the scripts that the reader knows."""
SIGNS = frozenset("\u00aa\u00ba\u00b5")
"""Letters by Unicode that are signs beside words: ª, º, µ."""
ALIKE = frozenset("ABCEHIJKMNOPSTXYZaceijopsxy")
"""Latin letters that look like Greek or Cyrillic ones."""
AS_IN_RUSSIAN = frozenset("ABCEHKMOPTXYacekopxy")
"""Latin letters that Russian words are read as; i, j and s, as in TikTok and SoHo, are none."""
SMALL_CAPITALS = re.compile(r"(?!(?:Ma?c|[a-z])[A-Z])[A-Za-z]*[a-z][BHKMT][A-Za-z]*")
"""A word with a capital inside that stands for a small letter of Cyrillic (в, н, к, м, т); McKay and eBay are none."""
LIKE_LATIN = re.compile(
    r"\b(?:MOCKBA|PECTOPAH|KACCA|METPO|TEATP|BOCTOK|CEBEP|KOCMOC|ABTOMAT|ABTOP|CTAPT|BECHA|BETEP|CEKPET|OTBET|COBET|CBET|"
    r"MECTO|KAPTA|HEBO|HEBA|OKHO|MOCT|HOMEP|KPECT|CECTPA|HEBECTA|MATPOC|TPAKTOP|OCTPOB|KOMHATA|BOPOHA|XAPAKTEP|TOBAP|XPAM|"
    r"KPACHOE|HOBOE|CTAPOE|POCTOB|TOMCK|OMCK|KOCTPOMA|CAPATOB|CAMAPA|XEPCOH|MYPOM|BAPHA|KPHTH|TABEPNA|KEPKYPA)\b"
)
"""As what Russian, Bulgarian and Greek words of signs and titles are read, all of whose letters look like Latin ones,
and which no Latin language has: beside HOTEL, only such a list tells that MOCKBA is not Latin."""
VOWELS = "aeiouyàáâãäåăąæèéêëęěìíîïòóôõöøőœùúûüůűýÿ"
VIETNAMESE = re.compile(
    rf"(?i)[ơưạồ]|đ.*[ăâêôàáãèéìíĩòóõùúũý]|[ăâêôàáãèéìíĩòóõùúũý].*đ|(?<!\w)đ[^\W\d_{VOWELS}]*(?!\w)"
)
"""What no other language writes: ơ, ư, ạ, ồ, đ beside vowels with marks, or in a word without a vowel. The reader has
these letters; most of those with a tone (ấ, ế, ị, ọ, ự) it leaves out or takes for others."""
VOWELLESS = re.compile(
    r"(?<!\w)(?!(?i:mrs?|ms|dr|st|sr|jr|km|kg|cm|mm|ml|hz|kw|vs|nr|pr|ph|pt|bd|mgr|dl|dvs|ltd|fr|tv|dvd|cd|fm|pm|hrs?|"
    r"pdf|www|ctrl|ps+t|h?m+|[bg]r+|pf+t?|sh+)\b)"
    rf"(?i:[^\W\d_{VOWELS}])"
    rf"[^\W\d_A-ZĐ{VOWELS}]+(?![\w.'’])"
)
"""A word that has lost its vowel: Biên kch. Abbreviations and sounds (tv, mm, psst) never had one."""
UNLIKE_CZECH = re.compile(r"(?i)[àèìòùãõâêăę]")
"""Marks in a line that Czech, Slovak and Croatian do not write, which have words without a vowel."""
SYLLABLE = re.compile(
    "(?i)(?:b|ch?|d|đ|gh?|gi|h|kh?|l|m|ngh?|nh?|ph?|qu|r|s|th?|tr|v|x)?[aeiouyàáâãèéêìíòóôõùúý]{0,3}(?:ch?|m|ng?|nh|p|t)?"
)
"""As what the reader takes a syllable of Vietnamese, each of which is a word."""
NEAR_S = 30.0
"""So far around a line the script of other writing counts."""


def is_of_another_script(text: str) -> bool:
    """Whether a reading has a letter of an alphabet that the reader does not know whole, or lacks one."""
    return (
        LACKING in text
        or bool(VIETNAMESE.search(text) or (UNLIKE_CZECH.search(text) and VOWELLESS.search(text)))
        or any(
            char.isalpha() and char not in SIGNS and not unicodedata.name(char, "").startswith(READ) for char in text
        )
        or any(SMALL_CAPITALS.fullmatch(word) and AS_IN_RUSSIAN.issuperset(word) for word in text.split())
        or bool(LIKE_LATIN.search(text))
    )


def may_be_of_another(text: str) -> bool:
    """Whether all letters of a reading look like those of another script too, or all words like Vietnamese ones without
    their tones; one letter, or one such word, alone says nothing."""
    letters, words = [char for char in text if char.isalpha()], re.findall(r"[^\W\d_]+", text)
    is_alike = len(letters) > 1 and all(char in ALIKE for char in letters)
    return is_alike or (len(words) > 1 and all(SYLLABLE.fullmatch(word) for word in words))


def unsure_lines(lines: Sequence[tuple[float, float, str, bool]]) -> list[bool]:
    """Which lines are no readings since the writing around them is in another script.

    lines: begin, end, text ('' where it was not read), and whether it is of another script. A line counts as Latin
    where a letter of it is Latin only; two that could not be read count as much as one of another script, and beside
    these four that may be of another script themselves.
    """
    alike = np.array([may_be_of_another(text) for _, _, text, _ in lines], bool)
    foreign = np.array([1.0 if is_foreign else 0.0 if text else 0.5 for _, _, text, is_foreign in lines])
    known = np.array([bool(text) and not is_foreign for _, _, text, is_foreign in lines], bool) & ~alike
    starts, ends = (np.array([line[place] for line in lines], np.float64) for place in (0, 1))
    found = [False] * len(lines)
    for number in np.flatnonzero(alike):
        near = (starts < ends[number] + NEAR_S) & (ends > starts[number] - NEAR_S)
        against = float(foreign[near].sum())
        if against:
            against += 0.25 * (int(alike[near].sum()) - 1)  # without the line itself
        found[number] = against >= 1.0 and against > int(known[near].sum())
    return found
