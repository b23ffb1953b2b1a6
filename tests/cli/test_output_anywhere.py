"""What commands print: grouped help, versions, clean lines, plain signs in any locale, nothing binary on a terminal."""

import contextlib
import io
import json
import os
import pty
import subprocess
import sys

import pyarrow as pa
from end_to_end._command import COMMAND, environment

from cli.answers import write_answer
from cli.main import COMMANDS, PURPOSES
from cli.terminal import write_in_any_locale

ROWS = pa.table({"title": ["a", "Größe · 2"]})


def in_ascii(write):
    """What is written to a standard output that holds ASCII alone."""
    written = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(written, encoding="ascii", write_through=True)):
        write_in_any_locale()
        write()
        return written.getvalue().decode("ascii")


def run(*words, **env):
    return subprocess.run([*COMMAND, *words], env=environment(**env), capture_output=True, text=True, timeout=60)


def test_every_command_has_a_purpose_in_the_help():
    grouped = [name for names in PURPOSES.values() for name in names]
    assert len(grouped) == len(set(grouped)) and set(COMMANDS) <= set(grouped)


def test_help_shows_commands_by_purpose():
    shown = run("--help").stdout
    assert [shown.index(f"─ {purpose} ─") for purpose in PURPOSES] == sorted(
        shown.index(f"─ {purpose} ─") for purpose in PURPOSES
    )


def test_help_is_plain_where_the_locale_has_no_boxes():
    done = run("--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stdout.isascii() and "+- Begin -" in done.stdout


def test_the_version_tells_of_python_and_ffmpeg():
    assert f"(Python {sys.version.split()[0]}, ffmpeg n" in run("--version").stdout


def test_our_own_signs_have_plain_ones_and_others_an_escape():
    assert in_ascii(lambda: print("2 × 3 … 4 · Größe → 𝄞")) == "2 x 3 ... 4 - Gr\\xf6\\xdfe -> \\U0001d11e\n"


def test_json_for_a_plain_locale_is_still_the_same_json():
    assert json.loads(in_ascii(lambda: write_answer(ROWS, "json", None))) == ROWS.to_pylist()


def test_csv_ends_its_lines_with_a_line_feed_alone(capsysbinary):
    write_answer(ROWS, "csv", None)
    assert capsysbinary.readouterr().out == "title\na\nGröße · 2\n".encode()


def test_csv_on_a_terminal_does_not_steer_it(capsys, monkeypatch):
    rows = pa.table({"title": ["film\x1b]0;owned\x07"]})
    write_answer(rows, "csv", None)
    assert "\x1b]0;" in capsys.readouterr().out, "machines get the text as it is"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    write_answer(rows, "csv", None)
    assert capsys.readouterr().out == "title\nfilm\\x1b]0;owned\\x07\n"


def test_parquet_is_not_written_to_a_terminal(made):
    controller, terminal = pty.openpty()
    words = ["query", "-m", str(made / "pipeline.yaml"), "--format", "parquet", "select 1 one"]
    done = subprocess.run([*COMMAND, *words], env=environment(), stdout=terminal, stderr=subprocess.PIPE, timeout=60)
    os.close(terminal)
    os.close(controller)
    assert done.returncode == 2 and b"nothing for a terminal" in done.stderr
