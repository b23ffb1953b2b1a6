"""What a process left unfinished is swept once it has ended, and never before, whatever its process id says."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cinelake.storage import files
from cinelake.storage.files import is_abandoned, is_planted, owned_folder, owner_name, short_temporary_folder
from cinelake.storage.store import Storage

HOLDS = """
import sys, time
from pathlib import Path
from cinelake.storage.files import owned_folder
with owned_folder(Path(sys.argv[1])) as folder:
    (folder / "half").touch()
    print(folder, flush=True)
    time.sleep(60)
"""
LONG_AGO = (0, 1_000_000_000)
CONTAINER = ("unshare", "--user", "--map-root-user", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")


@contextmanager
def held(parent: Path, *space: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process, and the folder that it owns until it ends."""
    command = [*space, sys.executable, "-c", HOLDS, str(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_folder_is_its_owner_s_until_he_ends(tmp_path):
    with held(tmp_path) as (process, folder):
        assert not is_abandoned(folder)
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # nobody has waited for it yet
        assert is_abandoned(folder)


def test_a_later_process_of_the_same_id_is_another(tmp_path):
    with owned_folder(tmp_path) as folder:
        host, boot, space, pid, started, _ = folder.name.rsplit("-", 5)
        earlier = f"{host}-{boot}-{space}-{pid}-{int(started, 16) - 1:x}-cafe"
        assert is_abandoned(tmp_path / earlier) and not is_abandoned(folder)


@pytest.mark.skipif(
    not shutil.which("unshare") or bool(subprocess.run([*CONTAINER, "true"], capture_output=True).returncode),
    reason="this machine lets nobody make a space of process ids",
)
def test_the_scratch_of_another_container_is_swept_when_its_process_has_ended(tmp_path):
    storage = Storage(str(tmp_path / "lake"))
    with held(tmp_path / "lake" / "_tmp", *CONTAINER) as (container, folder):
        assert storage.sweep() == 0 and (folder / "half").exists()
        container.kill()  # the process within is killed for it, a moment later
        assert container.stdout is not None and container.stdout.read() == ""
        assert storage.sweep() == 1 and not folder.exists()


def test_another_space_of_this_kernel_is_judged_by_the_lock_alone(tmp_path, monkeypatch):
    with owned_folder(tmp_path) as folder:
        monkeypatch.setattr(files, "_sees_its_own_space", lambda: False)
        assert not is_abandoned(folder), "its owner holds the lock"
    assert is_abandoned(folder)
    unlocked = folder.rename(folder.with_name(folder.name + files.NOT_LOCKED_YET))
    assert not is_abandoned(unlocked), "its owner may be about to take the lock"


@pytest.mark.parametrize("name", ["HOST-0dd-0dd-1-0dd-cafe", "HOST-1-cafe"])
def test_what_is_from_an_earlier_boot_or_version_is_swept_where_nothing_touched_it_since(tmp_path, name):
    folder = tmp_path / name.replace("HOST", os.uname().nodename)
    folder.mkdir()
    assert not is_abandoned(folder), "a machine of the same name may write to the same lake"
    os.utime(folder, LONG_AGO)
    assert is_abandoned(folder)


@pytest.mark.parametrize("name", ["", "x", "a-b-c", f"{os.uname().nodename}-x-y", "elsewhere-1-0badcafe"])
def test_only_names_of_ended_processes_of_this_host_are_abandoned(name, tmp_path):
    assert not is_abandoned(tmp_path, name) and not is_abandoned(tmp_path, owner_name())


def test_a_folder_that_a_full_disk_keeps_from_its_name_is_taken_away(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"), owned_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def everybodys(tmp_path):
    """A folder where everybody may make folders, as that of temporary files is."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a folder another user's")
def test_a_folder_that_another_user_made_among_temporary_files_is_planted(everybodys):
    for name, owner in (("ours", os.geteuid()), ("theirs", 65534)):
        (everybodys / name).mkdir(0o777)
        os.chown(everybodys / name, owner, owner)
    assert is_planted(everybodys / "theirs") and not is_planted(everybodys / "ours")


def test_a_link_to_a_folder_of_ours_is_planted(everybodys, tmp_path):
    (everybodys / "link").symlink_to(tmp_path)
    assert is_planted(everybodys / "link") and not is_planted(tmp_path / "tmp")


HOLDS_SHORT = """
import sys, time
from cinelake.storage.files import short_temporary_folder
with short_temporary_folder(sys.argv[1]) as folder:
    (folder / "r").mkdir()
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_short_folder_is_closed_to_others_and_swept_once_its_owner_was_killed():
    prefix = f"cinelake-try-{os.getpid()}-"
    command = [sys.executable, "-c", HOLDS_SHORT, prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        with short_temporary_folder(prefix) as ours:
            assert left.is_dir() and len(ours.name) == len(prefix) + 8 and ours.stat().st_mode & 0o777 == 0o700
        process.kill()
    with short_temporary_folder(prefix) as ours:
        assert not left.exists()
    assert not ours.exists()
