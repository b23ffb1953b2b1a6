"""A helper's process: makes pieces of one cell, as it is asked to on its standard input (see `cinelake.run.pieces`).

python -m cinelake.run.piece_worker < (a pickled `PieceOf`, then a line of JSON for each piece)
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from cinelake.run.pieces import DONE, PieceOf, write_piece


def main() -> int:
    """Make pieces until the input ends. What a task raises ends the process: whoever asked makes the piece itself."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no answer
    of: PieceOf = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent made it in this run; a pipe, no file
    with threadpool_limits(1, user_api="blas"):
        for line in sys.stdin.buffer:
            start, stop, path = json.loads(line)
            batches, _ = of.rows(start, stop)
            write_piece(Path(path), batches)
            answers.write(DONE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
