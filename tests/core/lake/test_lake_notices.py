"""What C++ tells while TensorFlow is imported is held back, and nothing else is."""

import os
import subprocess
import sys

import pytest

from cinelake.lake.notices import without_notices

NOTICES = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1 port.cc:153] oneDNN custom operations are on.
"""


def test_notices_are_held_back_and_everything_else_is_passed_on(capfd):
    with without_notices():
        os.write(2, NOTICES + b"E0000 00:00:1 x.cc:1] no memory\nW0000 careful\nplain words\n")
    assert capfd.readouterr().err == "E0000 00:00:1 x.cc:1] no memory\nW0000 careful\nplain words\n"


def test_an_error_within_is_told_after_what_was_written(capfd):
    with pytest.raises(ImportError), without_notices():
        os.write(2, b"before\n")
        raise ImportError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


@pytest.mark.slow
def test_keras_is_imported_without_a_word():
    quiet = "from cinelake.lake.notices import quiet_tensorflow; quiet_tensorflow()"
    words = f"{quiet}; import keras; print(keras.backend.backend())"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=280)
    assert (done.stdout, done.stderr) == ("tensorflow\n", "")
