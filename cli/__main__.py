"""The command's process, `python -m cli` too: it answers Ctrl-C before anything heavy is imported."""

from __future__ import annotations

import sys

from cinelake.storage.interrupts import KILLED, interrupts_answered
from cli.terminal import say_stopping


def main() -> None:
    """Import the commands and run the one that was asked for."""
    try:
        with interrupts_answered(say_stopping()):
            from cli.main import main as run_command

            run_command()
    except KeyboardInterrupt:
        sys.exit(KILLED)


if __name__ == "__main__":
    main()
