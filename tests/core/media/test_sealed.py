"""A film is looked into by a process that can do nothing but that."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cinelake.errors import DamagedFilm, DecodeTimeout, FilmError, NotAFilm, WorkerLost
from cinelake.media import sealed
from cinelake.media.probe import probe
from cinelake.media.seal import confine_to
from cinelake.storage.processes import HERE, landlock_version

landlock = pytest.mark.skipif(landlock_version() < 6, reason="the kernel's Landlock is older than version 6")
ATTACKS: dict[str, Callable[[Path], object]] = {
    "read another file": lambda folder: (folder / "other.txt").read_text(),
    "read the project": lambda _: Path(HERE, "pyproject.toml").read_text(),
    "write beside the film": lambda folder: (folder / "new.txt").write_text("taken"),
    "write into the film": lambda folder: (folder / "film.mp4").open("r+b"),
    "list a folder": os.listdir,
    "run a program": lambda _: subprocess.run(["/bin/true"], check=True),
    "end the process that called": lambda _: os.kill(os.getppid(), 0),
}


def forbidden(film: Path, attack: Callable[[Path], object]) -> bool:
    """Whether the kernel forbids an attack to a process that is kept to a film."""
    pid = os.fork()
    if not pid:
        try:
            confine_to(str(film))
            film.read_bytes()
            attack(film.parent)
        except PermissionError:
            os._exit(13)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 13


@landlock
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_reader_that_was_taken_over_reaches_nothing_but_the_film(tmp_path, attack):
    for name in ("film.mp4", "other.txt"):
        (tmp_path / name).write_text("kept")
    assert forbidden(tmp_path / "film.mp4", ATTACKS[attack])


@landlock
def test_it_connects_nowhere(tmp_path):
    (tmp_path / "film.mp4").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert forbidden(tmp_path / "film.mp4", lambda _: socket.create_connection(address))


def test_what_it_says_is_what_is_said_without_it(draw, monkeypatch):
    film = str(draw("film.mkv", "testsrc2=d=1:s=64x48"))
    said = probe(film)
    monkeypatch.setattr(sealed._Here, "is_sealed", True)
    assert probe(film) == said


def test_an_error_keeps_its_kind_and_ffmpegs_words(tmp_path):
    (tmp_path / "notes.mp4").write_text("no film at all")
    with pytest.raises(NotAFilm, match=r"notes\.mp4' is not a film") as raised:
        probe(str(tmp_path / "notes.mp4"))
    assert raised.value.log_tail


def test_what_is_wrong_with_the_machine_is_not_blamed_on_the_film(draw, monkeypatch):
    film = str(draw("film.mp4", "testsrc2=d=1:s=64x48"))
    monkeypatch.setattr(sealed, "_SEAL", sealed._Seal())
    monkeypatch.setenv("CINELAKE_FFMPEG", "/nowhere/ffmpeg")
    with pytest.raises(RuntimeError, match="/nowhere/ffmpeg"):
        probe(film)


def test_names_that_are_no_text_and_relative_paths_are_found(draw, tmp_path, monkeypatch):
    film = draw("film.mp4", "testsrc2=d=1:s=64x48")
    name = os.fsdecode(b"f\xffilm.mp4")
    Path(tmp_path, name).write_bytes(film.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert probe(name) == probe(str(film))


def test_it_is_started_again_when_it_has_died(draw):
    film = str(draw("film.mp4", "testsrc2=d=1:s=64x48"))
    before = probe(film)
    sealed._SEAL._process.kill()
    assert probe(film) == before


def test_ctrl_c_in_the_middle_of_a_request_leaves_none_half_sent(draw, monkeypatch):
    film = str(draw("film.mp4", "testsrc2=d=1:s=64x48"))
    before = probe(film)
    send = socket.send_fds

    def interrupted(*arguments: object) -> None:
        send(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(socket, "send_fds", interrupted)
        probe(film)
    assert probe(film) == before


def test_it_knows_no_secrets(draw, monkeypatch):
    for name in ("AWS_SECRET_ACCESS_KEY", "PREFECT_API_KEY", "PGPASSWORD", "OUR_STORE", "CINELAKE_TOKEN"):
        monkeypatch.setenv(name, "a word that nobody must see")
    monkeypatch.setattr(sealed, "_SEAL", sealed._Seal())
    probe(str(draw("film.mp4", "testsrc2=d=1:s=64x48")))
    assert b"nobody must see" not in Path(f"/proc/{sealed._SEAL._process.pid}/environ").read_bytes()


LEFT_BEHIND = """
import ctypes, os, signal, subprocess, time
from cinelake.media.seal import PR_SET_CHILD_SUBREAPER, end_children
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
reading, writing = os.pipe()
alive = os.fork() or signal.pause()
dead = os.fork()
if not dead:
    ffmpeg = subprocess.Popen(["sleep", "60"], start_new_session=True)
    os.write(writing, str(ffmpeg.pid).encode())
    signal.pause()
left = int(os.read(reading, 20))
os.kill(dead, signal.SIGALRM)
os.waitpid(dead, 0)
end_children({alive})
print(os.path.exists(f"/proc/{left}"), os.path.exists(f"/proc/{alive}"))
end_children()
print(os.path.exists(f"/proc/{alive}"))
"""


def test_what_a_fork_leaves_when_it_is_killed_is_ended_and_others_go_on():
    done = subprocess.run([sys.executable, "-c", LEFT_BEHIND], capture_output=True, text=True, timeout=30)
    assert done.stdout == "False True\nFalse\n", done.stderr


TOO_LATE = """
import signal, socket, threading, time
from cinelake.media import seal, sealed
seal.LATEST_S = 0.3
seal._answer = lambda message, reply_to: (signal.signal(signal.SIGALRM, signal.SIG_IGN), time.sleep(60))
ours, theirs = socket.socketpair()
threading.Thread(target=seal.serve, args=(theirs,), daemon=True).start()
answer, reply_to = socket.socketpair()
socket.send_fds(ours, [sealed.HEADER.pack(2)], [reply_to.fileno()])
ours.sendall(b"{}")
reply_to.close()
print(sealed._last_line(sealed._read_to_end(answer)))
"""


def test_a_fork_that_has_set_its_alarm_clock_back_is_killed_all_the_same():
    done = subprocess.run([sys.executable, "-c", TOO_LATE], capture_output=True, text=True, timeout=30)
    assert done.stdout == f"{{'died': {-signal.SIGALRM}}}\n", done.stderr


@pytest.mark.parametrize(
    ("by", "kind"),
    [(signal.SIGSEGV, DamagedFilm), (signal.SIGALRM, DecodeTimeout), (signal.SIGKILL, WorkerLost)],
)
def test_a_film_that_kills_its_reader_fails_for_what_that_means(by: int, kind: type[FilmError]):
    with pytest.raises(kind):
        sealed.result_of(probe, {"died": -by}, "film.mp4")
