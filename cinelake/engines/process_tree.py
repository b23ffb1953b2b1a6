"""Processes with all that they started: a cluster of one's own is over when the last process of its tree is."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil

LOOKED_EVERY_S = 0.02


def process_tree(processes: Iterable[int]) -> list[psutil.Process]:
    """The processes of these numbers that still run, with their children and children's children."""
    found: list[psutil.Process] = []
    for number in processes:
        try:
            first = psutil.Process(number)
            found += [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def children_with(word: str) -> list[int]:
    """The numbers of this process's own children whose command has this word in it."""
    return [child.pid for child in psutil.Process().children() if _says(child, word)]


def _says(process: psutil.Process, word: str) -> bool:
    try:
        return any(word in text for text in process.cmdline())
    except psutil.Error:
        return False


def await_end(processes: Iterable[psutil.Process], within_s: float) -> None:
    """Wait until they have ended; what has not by then is killed."""
    left = list(processes)
    deadline = time.monotonic() + within_s
    while (left := [process for process in left if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(LOOKED_EVERY_S)
    for process in left:
        process.kill()


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
