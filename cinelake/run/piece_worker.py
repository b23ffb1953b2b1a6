"""A helper's process: makes pieces of tables, as it is asked to on its standard input (see `cinelake.run.helpers`).

Only `cinelake.run.helpers` starts it, and holds the other end of its input: for each piece a pickled `PieceOf`, first
and last row, and a path, which that process has made in this run. No file, and nothing of a film, comes that way.

Its standard output has a line of JSON for each piece, an `Answer` of `cinelake.run.helpers`.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from threadpoolctl import threadpool_limits

from cinelake.run.helpers import Answer
from cinelake.run.pieces import PieceOf, write_piece

PieceRequest = tuple[PieceOf, int, int, str]


def main() -> int:
    """Make pieces until the input ends. What a task raises ends the process: whoever asked makes the piece itself."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no answer
    counted_s = 0.0
    for of, start, stop, path in asked():
        with threadpool_limits(1, user_api="blas"):
            batches, facts = of.rows(start, stop)
        write_piece(Path(path), batches)
        used_s = time.process_time()
        answer: Answer = {"cpu_s": used_s - counted_s, "facts": facts}
        answers.write(json.dumps(answer).encode() + b"\n")
        counted_s = used_s
    return 0


def asked() -> Iterator[PieceRequest]:
    """What is asked of this process, as it comes."""
    with suppress(EOFError):
        while True:
            yield pickle.load(sys.stdin.buffer)  # noqa: S301 - made in this run by the process that started us


if __name__ == "__main__":
    sys.exit(main())
