"""Ctrl-C is answered from a command's first moment, in one line and without a traceback."""

import os
import random
import subprocess
import sys

from cinelake.storage.processes import import_path

IMPORTED_BY_EVERY_COMMAND = ["typer", "cli.main", "cinelake.errors", "cli.terminal"]
PRESSED_AT_AN_IMPORT = """
import signal, sys
from cli.__main__ import main

class Pressed:
    def find_spec(self, name, *rest):
        if name == {name!r}:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Pressed())
for known in [each for each in sys.modules if each == {name!r}]:
    del sys.modules[known]
main()
"""


def test_while_a_command_is_still_being_imported(tmp_path):
    program = PRESSED_AT_AN_IMPORT.format(name=random.choice(IMPORTED_BY_EVERY_COMMAND))
    done = subprocess.run(
        [sys.executable, "-c", program, "plan"], env=os.environ | import_path(), capture_output=True, cwd=tmp_path
    )
    words = b"stopping: what is finished stays; press Ctrl-C again to kill\n"
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", words)
