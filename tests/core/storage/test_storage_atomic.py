"""A file is written whole or not at all, whatever happens to its writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cinelake.storage import files
from cinelake.storage.files import write_whole, written_whole

WRITES_AND_WAITS = """
import sys, time
from pathlib import Path
from cinelake.storage.files import written_whole
with written_whole(Path(sys.argv[1])) as unfinished:
    unfinished.write_bytes(b"half")
    print(unfinished, flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(("content", "expected"), [(b"\x00\r\n", b"\x00\r\n"), ("é\n", b"\xc3\xa9\n"), ("", b"")])
def test_a_file_is_written_and_replaced(tmp_path, content, expected, durable):
    for _ in range(2):
        write_whole(tmp_path / "file", content, durable=durable)
        assert (tmp_path / "file").read_bytes() == expected and names(tmp_path) == ["file"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(before=st.none() | st.binary(max_size=50), parts=st.lists(st.binary(max_size=50)), fails=st.booleans())
def test_after_a_failure_the_old_file_is_there_and_nothing_else(tmp_path, before, parts, fails):
    target = tmp_path / "file"
    target.unlink(missing_ok=True)
    if before is not None:
        target.write_bytes(before)
    try:
        with written_whole(target) as unfinished, unfinished.open("wb") as file:
            for part in parts:
                file.write(part)
                file.flush()
                assert (target.read_bytes() if target.exists() else None) == before
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert (target.read_bytes() if target.exists() else None) == before
    else:
        assert target.read_bytes() == b"".join(parts)
    assert names(tmp_path) == (["file"] if target.exists() else [])


def test_a_failure_before_the_first_byte_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="early"), written_whole(tmp_path / "file"):
        raise ValueError("early")
    assert names(tmp_path) == []


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    write_whole(tmp_path / "file", b"old")
    with pytest.raises(FileNotFoundError), written_whole(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path, umask):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o400)
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_permissions_that_the_writer_gives_stay(tmp_path):
    with written_whole(tmp_path / "file") as unfinished:
        unfinished.touch(0o600)
        unfinished.write_bytes(b"new")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_killed_process_leaves_the_old_file_and_the_next_write_removes_its_rest(tmp_path):
    write_whole(tmp_path / "file", b"old")
    command = [sys.executable, "-c", WRITES_AND_WAITS, str(tmp_path / "file")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        rest = Path(process.stdout.readline().strip())
        assert rest.read_bytes() == b"half" and (tmp_path / "file").read_bytes() == b"old"
        write_whole(tmp_path / "file", b"between")
        assert rest.exists(), "a writer that is at work keeps its file"
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "file").read_bytes() == b"between" and rest.exists()
    write_whole(tmp_path / "other", b"")
    assert rest.exists(), "the rest of another target's writer"
    write_whole(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file", "other"] and (tmp_path / "file").read_bytes() == b"new"


def test_writers_at_the_same_time_do_not_meet(tmp_path):
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_whole, args=(tmp_path / "file", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file").read_bytes() in contents and names(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["x" * 150, "é" * 100, "[a]*?.json", ".hidden"])
def test_names_that_are_long_or_patterns_are_written_too(tmp_path, name):
    write_whole(tmp_path / name, b"content")
    assert names(tmp_path) == [name]


def test_what_is_durable_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(files, "flush_to_disk", lambda path: flushed.append((path, (tmp_path / "file").exists())))
    write_whole(tmp_path / "file", b"content", durable=True)
    assert [(path == tmp_path, is_in_place) for path, is_in_place in flushed] == [(False, False), (True, True)]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "absent" / "file", b"")
