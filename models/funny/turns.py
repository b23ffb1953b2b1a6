"""Timing and turns of what is said, line by line: how long, how long the pause before and after, who speaks again.

A laugh needs time: those who speak wait for it. What is measured is only when lines begin and end, and whether the
speaker changes; where the speaker is not known, a line may say itself that it is a new turn (a leading dash).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array

LONGEST_S = 15.0
"""Longer lines count as long as this."""
PAUSES_S = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 6.0)
"""Pauses are told apart at these lengths: a linear reading of seconds would see little of a laugh."""
BEGINS_A_TURN = re.compile(r"\s*(<[^>]*>)?\s*(-|–|—|>>|[A-Z][A-Z .']{1,24}:)")
"""A dash, >>, or a name in capitals and a colon."""
OPEN_S = 30.0
"""A pause as long as this is the end of a conversation."""


def turn_features(start_s: Array, end_s: Array, same_before: Array, same_after: Array, pieces: Array) -> Array:
    """(T, 26) of T lines in order.

    start_s, end_s: when each begins and ends, in seconds. same_before, same_after: (T,) whether the line before and
    after is the same speaker's. pieces: (T,) numbers of the conversations; pauses between two of them are not known.
    """
    length = np.clip(end_s - start_s, 0, LONGEST_S)
    after = np.append(start_s[1:] - end_s[:-1], np.inf)
    joined = np.append(pieces[1:] == pieces[:-1], False)
    after = np.where(joined & (after < OPEN_S), after, np.inf)
    before = np.append(np.inf, after[:-1])
    columns = [length, np.log1p(length), same_before & (before < np.inf), same_after & (after < np.inf)]
    for pause in (before, after):
        known = pause < np.inf
        filled = np.where(known, pause, 0.0)
        columns += [known, np.clip(filled, -2, 6), np.log1p(np.clip(filled, 0, None))]
        columns += [known & (filled >= least) for least in PAUSES_S]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def line_turns(texts: Sequence[str]) -> Array:
    """(T,) whether each line goes on with the turn of the one before, as far as the lines say it themselves.

    A line that begins with a dash, with >> or with a name and a colon begins a turn, and one with two dashes holds two.
    Where no line of the film is marked, nothing is known: none goes on.
    """
    begins = np.array([bool(BEGINS_A_TURN.match(text)) for text in texts], bool)
    if not begins.any():
        return np.zeros(len(texts), bool)
    goes_on = ~begins
    goes_on[:1] = False
    return goes_on
