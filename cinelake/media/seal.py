"""The process that forks for each call of a sealed function, and what such a fork may do (see `cinelake.media.sealed`).

python -m cinelake.media.seal DESCRIPTOR

Requests come on a socket, each with a descriptor that takes the reply. It ends when its caller does.

A fork that dies, or is killed for its deadline, may leave an ffmpeg that writes nothing and so would never notice. The
kernel gives such orphans to this process (`PR_SET_CHILD_SUBREAPER`), which ends them.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import math
import os
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Any

import av

from cinelake.errors import FilmError
from cinelake.media import ffmpeg, sealed
from cinelake.storage.processes import (
    HERE,
    LIBRARIES,
    MEMORY_BYTES,
    OPEN_FILES,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    confine_this_process,
    import_rules,
)

FUNCTIONS = (
    "cinelake.media.probe",
    "cinelake.media.lengths",
    "cinelake.media.captions",
    "cinelake.media.late_pictures",
)
"""Modules with sealed functions, imported before the first call."""
LATEST_S = sealed.DEADLINE_S + 10
"""When a fork is killed that was taken over and has set its own alarm clock back."""
LIMITS = ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_NOFILE, OPEN_FILES), (resource.RLIMIT_CORE, 0))


def serve(requests: socket.socket) -> None:
    """Fork for each request until the caller has gone."""
    waiting = selectors.DefaultSelector()
    waiting.register(requests, selectors.EVENT_READ)
    forks: dict[int, float] = {}  # and when each must have ended
    while True:
        until_s = min(forks.values(), default=math.inf) - time.monotonic()
        for key, _ in waiting.select(None if math.isinf(until_s) else max(0.0, until_s)):
            if key.fileobj is not requests:
                waiting.unregister(key.fileobj)
                is_late = forks.pop(key.data[0]) < time.monotonic()
                _bury(int(key.fd), *key.data, is_late=is_late)
                end_children(forks)
                continue
            header, descriptors, _, _ = socket.recv_fds(requests, sealed.HEADER.size, 1)
            if not header:
                return
            message, reply_to = _read(requests, *sealed.HEADER.unpack(header)), descriptors[0]
            pid = os.fork()
            if not pid:
                _answer(message, reply_to)
            forks[pid] = time.monotonic() + LATEST_S
            waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, reply_to))
        for pid in [pid for pid, ends in forks.items() if ends < time.monotonic()]:
            os.kill(pid, signal.SIGKILL)


def _read(requests: socket.socket, size: int) -> bytes:
    message = bytearray()
    while len(message) < size:
        message += requests.recv(size - len(message)) or sys.exit()
    return bytes(message)


def _bury(pidfd: int, pid: int, reply_to: int, *, is_late: bool) -> None:
    """Say of what a fork died, if it did, and let its caller read to the end. is_late: it was killed for its time."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = -signal.SIGALRM if code and is_late else code
    os.close(pidfd)
    with socket.socket(fileno=reply_to) as reply:
        if code:
            try:
                reply.sendall(b"\n" + json.dumps({"died": code}).encode() + b"\n")
            except OSError:
                return


def end_children(but: Collection[int] = ()) -> None:
    """Kill the children of this process but these, and what they leave to it when they die."""
    if not _has_children():
        return
    import psutil  # hardly ever needed

    while _has_children() and (ended := [child for child in psutil.Process().children() if child.pid not in but]):
        for child in ended:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        for child in ended:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child.pid, 0)


def _has_children() -> bool:
    """Whether this process has any child: to list them, all processes of the machine are looked at."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _answer(message: bytes, reply_to: int) -> None:
    """Do one call in this fork, which ends with it."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        reply = socket.socket(fileno=os.dup2(reply_to, 3)) if reply_to != 3 else socket.socket(fileno=3)
        os.closerange(4, OPEN_FILES * 16)
        reply.sendall(_replied(json.loads(message)) + b"\n")
        os._exit(0)
    except BaseException:  # noqa: BLE001 - its caller is told the exit code, and no fork may go on as the server
        os._exit(1)


def _replied(request: dict[str, Any]) -> bytes:
    """The reply to a request, as JSON. What is wrong with this machine rather than the film is `raised`."""
    try:
        os.chdir(request["cwd"])
        function = _function(request["call"])
        confine_to(request["path"])
        return sealed.to_json(_reply(function, request["given"]))
    except Exception:  # noqa: BLE001 - raised again where the call was made
        return sealed.to_json({"raised": traceback.format_exc()})


def confine_to(path: str) -> None:
    """Keep this process to a film, to ffmpeg, and to what both need; for good."""
    sealed.enter()
    for which, most in LIMITS:
        _, hard = resource.getrlimit(which)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (bound, bound))
    program = os.path.realpath(ffmpeg.binary())
    places = (*LIBRARIES, sys.prefix, sys.base_prefix, Path(HERE, "cinelake"), Path(av.__file__).parents[1])
    code = [place for place in places if Path(place).exists()]
    film = [path] if os.path.exists(path) else []  # noqa: PTH110 - it need not be a name, nor one that we may look up
    confine_this_process([*code, *film], executes=[program])
    signal.alarm(sealed.DEADLINE_S)


def _function(name: str) -> Any:
    module, _, function = name.partition(":")
    if module not in FUNCTIONS:
        raise LookupError(name)
    found = getattr(import_module(module), function)
    if not found.is_sealed:
        raise LookupError(name)
    return found


def _reply(function: Any, given: dict[str, Any]) -> dict[str, Any]:
    try:
        arguments = {name: sealed.adapter(function, name).validate_python(value) for name, value in given.items()}
        result = function(**arguments)
    except FilmError as error:
        return {"error": [type(error).__name__, str(error), error.log_tail]}
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {"result": result, "cpu_s": sum(each.ru_utime + each.ru_stime for each in used)}


def prepare() -> None:
    """Import and make ready what each fork would have to."""
    import_rules()
    with contextlib.suppress(Exception):  # a call says so where it needs one
        ffmpeg.binary()
    for module in FUNCTIONS:
        for function in vars(import_module(module)).values():
            if getattr(function, "is_sealed", False):
                for name in function.__annotations__:
                    sealed.adapter(function, name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    prepare()
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    finally:
        end_children()
