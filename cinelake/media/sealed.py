"""Functions that read a stranger's film with libav's code, each call in a process that can do nothing else.

    @sealed
    def probe(path: str, …) -> Probe: …

ffmpeg decodes in confined processes of its own. Headers, indexes and the first picture are read by PyAV, which are the
same libraries within the process that calls them. So a call of such a function is sent, as JSON, to a small process
beside this one (`cinelake.media.seal`), which forks for it: the fork may read that one film, run ffmpeg on it, and
answer, as JSON again. What a film does to it, it does to nothing that matters.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import json
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, ParamSpec, TypeVar, get_type_hints

from cinelake import errors
from cinelake.errors import DamagedFilm, DecodeTimeout, FilmError, WorkerLost
from cinelake.storage.processes import import_path, module_command, plain_environment

DEADLINE_S = 900
"""How long a call may take. Steps have deadlines of their own, which are shorter for films that are."""
ENDS_WITHIN_S = 1.0
"""How long its process may take to end once nobody can ask it any more."""
MAX_REPLY_BYTES = 64 << 20
"""A reply is some thousand bytes; more than this is none."""
SEAL = "cinelake.media.seal"
SEAL_VARIABLES = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
"""It forks: no threads beside it. Plugins of pydantic, sought in every installed package, have no business in it."""
HEADER = struct.Struct("<Q")
"""Before a request: its bytes. The descriptor for the reply comes with it."""
P = ParamSpec("P")
Result = TypeVar("Result")


class _Here:
    """Whether this process is one of those in which calls are made, and what calls of this process have cost."""

    is_sealed = False
    cpu_s = 0.0


def sealed(function: Callable[P, Result]) -> Callable[P, Result]:
    """Have calls of a function made in a sealed process. Its first argument is the film's path.

    Arguments and result are of types that pydantic takes to JSON and back. A `FilmError` that it raises is raised
    here. Calls also raise `DamagedFilm` where libav crashed, `DecodeTimeout` after `DEADLINE_S`, `WorkerLost` where
    the process was killed from outside.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        if _Here.is_sealed:
            return function(*args, **kwargs)
        given = inspect.signature(function).bind(*args, **kwargs).arguments
        path = str(next(iter(given.values())))
        name = f"{function.__module__}:{function.__name__}"
        reply = _SEAL.answer({"call": name, "path": path, "cwd": _folder(), "given": given}, path)
        return result_of(function, reply, path)

    call.__dict__["is_sealed"] = True
    return call


def enter() -> None:
    """Say that this process is a sealed one: calls are made in it from now on."""
    _Here.is_sealed = True


def sealed_cpu_s() -> float:
    """Processor seconds that calls of this process have taken in others."""
    return _Here.cpu_s


@functools.cache
def adapter(function: Callable[..., Any], name: str) -> Any:
    """Makes a function's argument of this name, or what it returns (`return`), from JSON, by its annotation."""
    from pydantic import TypeAdapter

    return TypeAdapter(get_type_hints(function)[name])


def to_json(value: Any) -> bytes:
    """Plain data, data classes and fractions as JSON. Names of files need not be text: those keep their bytes too."""
    return json.dumps(value, default=_plain).encode()


def _plain(value: Any) -> Any:
    return {field.name: getattr(value, field.name) for field in fields(value)} if is_dataclass(value) else str(value)


def result_of(function: Callable[..., Result], reply: dict[str, Any], path: str) -> Result:
    """What a reply says was returned; raises what it says was raised, or of what the process died."""
    if "result" in reply:
        _Here.cpu_s += float(reply["cpu_s"])
        result: Result = adapter(function, "return").validate_python(reply["result"])
        return result
    if "error" in reply:
        name, message, log_tail = map(str, reply["error"])
        kind = getattr(errors, name, FilmError)
        raise errors.revived(kind if issubclass(kind, FilmError) else FilmError, message, log_tail)
    if "raised" in reply:
        raise RuntimeError(f"while {path!r} was looked into:\n{reply['raised']}")
    code = int(reply["died"])
    if code == -signal.SIGALRM:
        raise DecodeTimeout(f"{path!r} was not looked into within {DEADLINE_S} s")
    if code == -signal.SIGKILL:
        raise WorkerLost(
            f"the process that looked into {path!r} was killed from outside, most likely for want of memory"
        )
    words = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    raise DamagedFilm(f"libav crashed ({words}) while it looked into {path!r}: the file is broken, or made to do that")


class _Seal:
    """The process that forks for calls, started when it is first needed and whenever it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        """Who started it: after a fork, the child starts one of its own."""

    def answer(self, request: dict[str, Any], path: str) -> dict[str, Any]:
        """The reply to a call. Raises `WorkerLost` where none comes, twice."""
        message = to_json(request)
        for _ in range(2):
            ours, theirs = socket.socketpair()
            with ours:
                with theirs:
                    asked = self._send(message, theirs)
                if reply := _read_to_end(ours):
                    return _last_line(reply)
            self._forget(asked)
        raise WorkerLost(f"the process that was to look into {path!r} died twice before it answered")

    def _send(self, message: bytes, reply_to: socket.socket) -> subprocess.Popen[bytes]:
        """Send a request; returns the process that it went to, or would have."""
        with self._lock:
            process = self._process if self._owner == os.getpid() else None
            if process is None or process.poll() is not None:
                process = self._start()
            try:
                socket.send_fds(self._requests, [HEADER.pack(len(message))], [reply_to.fileno()])
                self._requests.sendall(message)
            except OSError:  # it has died: no reply comes
                pass
            except BaseException:  # Ctrl-C in the middle: it would wait for the rest, and take the next request for it
                self._end(process)
                raise
            return process

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        """End a process that does not answer, so that the next request goes to another."""
        with self._lock:
            if self._process is process:
                self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Have it end what it started, and itself; killed, it would leave the ffmpeg of each fork behind."""
        self._process = None
        self._requests.close()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        self._requests, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                module_command(SEAL, str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**plain_environment(), **import_path(), **SEAL_VARIABLES},
                start_new_session=True,
            )
        self._process, self._owner = process, os.getpid()
        return process

    def stop(self) -> None:
        """End it: it goes when nobody can ask it any more."""
        if self._process is not None and self._owner == os.getpid():
            self._requests.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(ENDS_WITHIN_S)


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - text as it is
    except FileNotFoundError:
        return "/"


def _read_to_end(ours: socket.socket) -> bytes:
    reply = bytearray()
    with contextlib.suppress(ConnectionError):
        while (part := ours.recv(1 << 16)) and len(reply) <= MAX_REPLY_BYTES:
            reply += part
    return bytes(reply)


def _last_line(reply: bytes) -> dict[str, Any]:
    """What the fork said, or after it, what it died of."""
    try:
        last: dict[str, Any] = json.loads(reply.splitlines()[-1])
    except ValueError:
        return {"raised": f"a reply of {len(reply)} bytes that is no JSON"}
    return last


_SEAL = _Seal()
atexit.register(_SEAL.stop)
