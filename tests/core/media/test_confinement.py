"""What a decoder that was taken over could do: a shell stands for it, under the same limits."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cinelake.media.ffmpeg import start_ffmpeg
from cinelake.storage.processes import MEMORY_BYTES, OPEN_FILES, landlock_version, start_confined

BASH = "/bin/bash"
landlock = pytest.mark.skipif(landlock_version() < 6, reason="the kernel's Landlock is older than version 6")


@pytest.fixture
def confined(tmp_path):
    """Run words in a confined shell: (exit code, what it wrote to its open stdout)."""

    def run(words: str, makes: Sequence[Path] = ()) -> tuple[int, str]:
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.PIPE, "cwd": tmp_path}
        with start_confined([os.path.realpath(BASH), "-c", f"read begin; {words}"], makes, **pipe) as shell:
            said, _ = shell.communicate(b"begin\n", timeout=20)
        return shell.returncode, said.decode()

    return run


@landlock
@pytest.mark.parametrize(
    "attack",
    [
        "echo taken > new.txt",
        "echo taken > old.txt",
        "read word < old.txt",
        "read word < /etc/passwd",
        "cd / && for name in *; do [ $name != '*' ] && exit 0; done; exit 1",
        "exec /usr/bin/env true",
        "kill -0 $PPID",
    ],
)
def test_it_reaches_nothing_beyond_its_descriptors(confined, tmp_path, attack):
    (tmp_path / "old.txt").write_text("kept\n")
    assert subprocess.run([BASH, "-c", attack], cwd=tmp_path).returncode == 0, "the attack works outside"
    (tmp_path / "new.txt").unlink(missing_ok=True)
    (tmp_path / "old.txt").write_text("kept\n")
    code, _ = confined(attack)
    assert code != 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old.txt": "kept\n"}


@landlock
def test_it_connects_nowhere(confined):
    with socket.create_server(("127.0.0.1", 0)) as server:
        attack = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}"
        assert subprocess.run([BASH, "-c", attack]).returncode == 0
        assert confined(attack)[0] != 0


def test_it_writes_the_file_that_it_was_started_to_write(confined, tmp_path):
    assert confined("echo made > made.txt", makes=[tmp_path / "made.txt"])[0] == 0
    assert (tmp_path / "made.txt").read_text() == "made\n"


def test_its_memory_and_open_files_are_bounded(confined):
    _, said = confined("ulimit -v; ulimit -n; ulimit -c")
    assert said.split() == [str(MEMORY_BYTES // 1024), str(OPEN_FILES), "0"]


def test_a_running_ffmpeg_that_reads_a_film_gains_no_privileges(draw):
    film = os.open(draw("film.mp4", "testsrc2=d=60:s=64x64"), os.O_RDONLY)
    command = ["-re", "-protocol_whitelist", "fd", "-fd", str(film), "-i", "fd:", "-f", "null", "-"]
    with start_ffmpeg(command, pass_fds=[film]) as running:
        status = Path(f"/proc/{running.process.pid}/status").read_text()
    os.close(film)
    assert "NoNewPrivs:\t1" in status
    assert "NoNewPrivs:\t0" in Path("/proc/self/status").read_text(), "we keep our own"


ATTACKS = """
import socket, sys
from pathlib import Path
from cinelake.storage.processes import confine_this_process
here = Path(sys.argv[1])
confine_this_process([here / "may.txt"])
attacks = [lambda: (here / "new.txt").write_text("taken"), lambda: (here / "may.txt").write_text("taken"),
           lambda: (here / "secret.txt").read_text(), lambda: socket.socket().connect(("127.0.0.1", int(sys.argv[2])))]
for attack in attacks:
    try:
        attack()
        print("reached")
    except PermissionError:
        print("refused")
print((here / "may.txt").read_text())
"""


@landlock
def test_a_process_that_confined_itself_only_reads_what_it_named(tmp_path):
    for name in ("may.txt", "secret.txt"):
        (tmp_path / name).write_text(name)
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", ATTACKS, str(tmp_path), str(server.getsockname()[1])]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["refused"] * 4 + ["may.txt"]


def test_ffmpeg_knows_no_secrets(draw, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a word that nobody must see")
    with start_ffmpeg(["-re", "-f", "lavfi", "-i", "color", "-f", "null", "-"]) as running:
        file = Path(f"/proc/{running.process.pid}/environ")
        while not (environment := file.read_bytes()):  # empty until the program is loaded
            assert running.returncode is None
    assert b"nobody must see" not in environment and b"PATH=" in environment
