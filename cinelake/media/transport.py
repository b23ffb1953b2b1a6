"""Does an MPEG transport stream go on in other streams than it began with, is it scrambled? Seen in samples of packets.

Where two recordings are joined, or a broadcaster changes the numbers of its streams (PIDs), a demuxer reads
the pictures of the first part alone and calls the film whole.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

import numpy as np

from cinelake.media.restarts import ticks_of
from cinelake.spec.arrays import Integers, PixelArray
from cinelake.storage.content import TRANSPORT_PACKETS

SAMPLES, PACKETS = 64, 2000
"""How many places of the file are looked at, evenly spread, and how many packets at each."""
FEWEST_PACKETS = 100
PACKET_BYTES, STUFFING = 188, 0x1FFF
PROGRAMME_TABLE = 2
"""Number of the tables that say what a programme's streams are (PMT)."""
NO_CONTENT = frozenset([0, 1, 2, 3, 0x10, 0x11, 0x12, 0x14, 0x1FFF])
"""PIDs of tables and of stuffing (ISO/IEC 13818-1, table 2-3; ETSI EN 300 468, table 1)."""


def share_elsewhere(fd: int, pid: int, others: Collection[int] | None) -> float:
    """The share of the file, before the first or after the last packets of `pid`, in which others come in its place.

    others: PIDs of streams of the same kind; None where they are not known, so that any PID counts that is not there
    beside `pid`.
    """
    samples = [frozenset(np.unique(_pids(_heads(data))).tolist()) for data in _pieces(fd)]
    with_it = [number for number, pids in enumerate(samples) if pid in pids]
    if not with_it:
        return 0.0
    inside = samples[with_it[0] : with_it[-1] + 1]
    outside = samples[: with_it[0]] + samples[with_it[-1] + 1 :]
    wanted = frozenset(others) if others is not None else None
    beside = frozenset().union(*inside) | NO_CONTENT
    elsewhere = [pids for pids in outside if (pids & wanted if wanted is not None else pids - beside)]
    return len(elsewhere) / len(samples)


def share_of_another_kind(fd: int, pid: int) -> float:
    """The share of the file in which `pid` carries another kind of stream than in the rest, as its tables say.

    Joined files often give one number to streams of different codecs, of which a demuxer takes one for all.
    """
    kinds = [kind for data in _pieces(fd) if (kind := _kind_of(_packets(data), pid)) is not None]
    most = max((kinds.count(kind) for kind in set(kinds)), default=0)
    return 1 - most / len(kinds) if kinds else 0.0


def share_scrambled(fd: int, pid: int) -> float:
    """The share of the packets of `pid` whose content is scrambled, as a pay channel is broadcast."""
    heads = np.concatenate([_heads(data) for data in _pieces(fd)])
    own = heads[_pids(heads) == pid]
    return float((own[:, 2] >> 6 != 0).mean()) if len(own) else 0.0


def share_repeated(fd: int) -> float:
    """The share of packets that are the one before of their PID once more, byte for byte."""
    again = count = 0
    for data in _pieces(fd):
        packets = _packets(data)
        order = np.argsort(_pids(packets[:, 1:4].astype(np.int64)), kind="stable")
        own = packets[order]
        own = own[_pids(own[:, 1:4].astype(np.int64)) != STUFFING]
        again, count = again + int((own[1:] == own[:-1]).all(axis=1).sum()), count + len(own)
    return again / max(count, 1)


def end_stamps(data: bytes, pids: Collection[int]) -> dict[int, tuple[int, int]]:
    """The first and the last time stamp that a piece has of each stream, in ticks; of decoding, where that is apart.

    (ISO/IEC 13818-1, section 2.4.3.6.)
    """
    packets = _packets(data)
    begins = packets[packets[:, 1] & 0x40 != 0]
    found: dict[int, tuple[int, int]] = {}
    for pid, packet in zip(_pids(begins[:, 1:4].astype(np.int64)).tolist(), begins, strict=True):
        head = packet[4 + (1 + int(packet[4]) if packet[3] & 0x20 else 0) :].tobytes()
        if pid in pids and head[:3] == b"\x00\x00\x01" and len(head) > 18 and head[7] & 0x80:
            ticks = ticks_of(head[14:19] if head[7] & 0x40 else head[9:14])
            found[pid] = (found.get(pid, (ticks,))[0], ticks)
    return found


def _pieces(fd: int) -> Iterator[bytes]:
    """The bytes at each place that is looked at."""
    size = os.fstat(fd).st_size
    count = max(4, min(SAMPLES, size // (188 * FEWEST_PACKETS)))
    length = min(size // count, 188 * PACKETS)
    for number in range(count):
        yield os.pread(fd, length, (size - length) * number // (count - 1))


def _kind_of(packets: PixelArray, pid: int) -> int | None:
    """The kind of stream that a piece's first table of a programme gives a PID (ISO/IEC 13818-1, table 2-33)."""
    begins = (packets[:, 1] & 0x40 != 0) & (packets[:, 3] >> 4 & 3 == 1) & (packets[:, 4] == 0)
    for packet in packets[begins & (packets[:, 5] == PROGRAMME_TABLE) & (packets[:, 6] >> 4 == 0xB)]:
        section: bytes = packet[5:].tobytes()
        end = min(3 + (int.from_bytes(section[1:3]) & 0xFFF) - 4, len(section) - 4)
        place = 12 + (int.from_bytes(section[10:12]) & 0xFFF)
        while place < end:
            if int.from_bytes(section[place + 1 : place + 3]) & 0x1FFF == pid:
                return section[place]
            place += 5 + (int.from_bytes(section[place + 3 : place + 5]) & 0xFFF)
    return None


def _heads(data: bytes) -> Integers:
    """(n, 3) the bytes of each packet's head after the first, of a piece of a transport stream; none of another."""
    return _packets(data)[:, 1:4].astype(np.int64)


def _packets(data: bytes) -> PixelArray:
    """(n, 188) the packets of a piece of a transport stream; none of another."""
    for size in TRANSPORT_PACKETS:
        for start in range(min(size, max(0, len(data) - 4 * size))):
            if data[start : start + 5 * size : size] == b"G" * 5:
                whole = (len(data) - start) // size
                packets = np.frombuffer(data, np.uint8, whole * size, start).reshape(whole, size)
                return packets[packets[:, 0] == ord("G"), :PACKET_BYTES]
    return np.empty((0, PACKET_BYTES), np.uint8)


def _pids(heads: Integers) -> Integers:
    return (heads[:, 0] & 0x1F) << 8 | heads[:, 1]
