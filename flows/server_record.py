"""What a project's folder `.cinelake` says of the servers that it has: their passwords, and which of them runs.

Whoever reaches loopback reaches a server there, other users of the machine and pages in a browser too, and a server
with a worker runs what it is told. So each asks for a password, a random word in a file that only its owner can read.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from cinelake.errors import EngineUnavailable
from cinelake.storage.files import has_mark, process_mark

PASSWORD, MLFLOW_PASSWORD = "prefect-password", "mlflow-password"
RECORD = "server.json"
UP = "up.json"
IN_USE = "in_use"
OURS = "1"
"""Raised when the settings of a server change, so that one that still runs with those before is not used."""


def state_folder(manifest_folder: Path) -> Path:
    """Where the servers beside a manifest keep their state; nothing in it is needed to read the lake."""
    return manifest_folder / ".cinelake"


def private_folder(folder: Path) -> Path:
    """The folder, made if need be and closed to others. Raises `EngineUnavailable` where it is somebody else's."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "it is not open to this user")
    except OSError as error:
        raise EngineUnavailable(
            f"a Prefect server of this project keeps its state in {folder}, which cannot be used: "
            f"{error.strerror or error}. Another user's project needs a copy of the manifest in a folder of your own, "
            "or a server that PREFECT_API_URL names"
        ) from error
    return folder


def password_of(folder: Path, name: str = PASSWORD) -> str:
    """A password of a project's servers, `user:word`; made when it is first needed, or when others could read it."""
    file = private_folder(folder) / name
    try:
        if not file.stat().st_mode & 0o077 and (known := file.read_text().strip()):
            return known
    except FileNotFoundError:
        pass
    made = f"cinelake:{secrets.token_urlsafe(32)}"
    if write_private(file, made + "\n", replace=file.exists()):
        return made
    return file.read_text().strip()  # another process was faster


def write_private(file: Path, text: str, *, replace: bool = True) -> bool:
    """Write a file that only its owner can read, whole or not at all; False where it exists and stays."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        if replace:
            draft.replace(file)
        else:
            os.link(draft, file)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


@dataclass(frozen=True)
class ServerRecord:
    """A server that runs, as its own process wrote it. started: what tells its process from a later one of its id."""

    url: str
    pid: int
    started: str
    version: str

    def lives(self) -> bool:
        """Whether this very process runs: its port is nobody else's, and the password may be sent there."""
        return has_mark(self.pid, self.started)

    def write(self, file: Path, **more: str) -> None:
        """Write the record, with more facts of who started it."""
        write_private(file, json.dumps({**asdict(self), "folder": _folder_mark(file.parent), **more}))


def _folder_mark(folder: Path) -> str:
    """What tells a folder from a copy of it."""
    found = folder.stat()
    return f"{found.st_dev}:{found.st_ino}"


def server_version() -> str:
    """The version of a server that this code would start."""
    return f"{version('prefect')}/{OURS}"


def record_of(pid: int, url: str) -> ServerRecord:
    """The record of a process that runs."""
    return ServerRecord(url, pid, process_mark(pid), server_version())


def read_record(file: Path) -> ServerRecord | None:
    """What a file says of a server that runs on this machine for this folder; None without one, and for a copy."""
    found = read_json(file)
    try:
        if found.get("folder") and found["folder"] != _folder_mark(file.parent):
            return None
        record = ServerRecord(str(found["url"]), int(str(found["pid"])), str(found["started"]), str(found["version"]))
    except (KeyError, ValueError, OSError):
        return None
    return record if record.lives() else None


def read_json(file: Path) -> Mapping[str, object]:
    """An object that a file holds; an empty one where there is none or it cannot be read."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_up(folder: Path) -> Mapping[str, str]:
    """The addresses that a running `cinelake up` has recorded; empty without one."""
    found = read_json(folder / UP)
    return {} if read_record(folder / UP) is None else {name: str(value) for name, value in found.items()}


@contextmanager
def in_use(home: Path) -> Iterator[None]:
    """Say that a server that stays is used, for as long as this process lives at most."""
    with (home / IN_USE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def is_unused(home: Path) -> bool:
    """Whether no process uses the server that stays."""
    try:
        with (home / IN_USE).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
