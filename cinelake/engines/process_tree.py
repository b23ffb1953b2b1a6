"""Processes with all that they started: a cluster that was started here has ended when its whole tree has."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

LOOKED_EVERY_S = 0.02


def process_tree(processes: Iterable[int]) -> list[psutil.Process]:
    """The processes of these numbers that still run, with their children and children's children."""
    running: list[psutil.Process] = []
    for number in processes:
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(number)
            running += [first, *first.children(recursive=True)]
    return running


def children_with(word: str) -> list[int]:
    """The numbers of this process's own children whose command contains this word."""
    numbers: list[int] = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if any(word in text for text in child.cmdline()):
                numbers.append(child.pid)
    return numbers


def await_end(processes: Iterable[psutil.Process], within_s: float) -> None:
    """Wait until they have ended; what has not by then is killed."""
    left = list(processes)
    deadline = time.monotonic() + within_s
    while (left := [process for process in left if _is_running(process)]) and time.monotonic() < deadline:
        time.sleep(LOOKED_EVERY_S)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
