"""The single runner of ffmpeg: nothing else in the project starts it.

Every run has a process group of its own, a drained stderr, a deadline, and ends with the `with` block, however
that is left. If our own process dies, ffmpeg follows at its next write: its pipes have no reader any more
(a parent-death signal is no option: Linux sends it when the *thread* that forked ends).

A film is passed to ffmpeg as an open file descriptor (`fd:`), and `fd` is the only protocol that is allowed:
so no name can be taken for an option, a pattern or a protocol, and nothing inside the film (a playlist, a
reference of a QuickTime track) can open another file or the network. What is given a descriptor runs under the
kernel's limits besides (`cinelake.storage.processes`), so that a flaw of ffmpeg opens none either.

What its threads take of the processors is noted while it runs: who asked for what it cost.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import IO

from cinelake.errors import DecodeTimeout, WorkerLost
from cinelake.storage.processes import plain_environment, start_confined

KEEPS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(32 << 20)}
"""How glibc's allocator treats what leaves ffmpeg (`mallopt(3)`): every picture is a block of its own, which would come
fresh from the kernel, page by page, and go back to it. Other allocators know no such variables."""

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TAIL_BYTES = 8192
"""How much of ffmpeg's warnings and errors is kept."""

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,ivf,obu,vc1,flv,live_flv,asf,asf_o,"
    "ogg,nut,mxf,gxf,dv,rm,wtv,swf,nsv,nuv,gif,apng,yuv4mpegpipe,mjpeg,dirac,film_cpk,smk,bink,roq,flic,"
    "wav,w64,mp3,aac,ac3,eac3,dts,flac,aiff,au,caf,amr,ape,wv,tta,tak,mpc,mpc8,truehd,spdif,voc,qoa,dsf"
)
"""Containers that carry their own pictures and sound: no playlists, scripts, image sequences or devices."""

_LEVEL = re.compile(r"\[(verbose|info|warning|error|fatal|panic)\] ?")
_NOT_REPORTED = re.compile(r"\[(verbose|info)\]|bitrate parameter is set too low|ignoring invalid SAR")
_FACT = re.compile(
    r"\[info\] (?:Input #0, | {2}(?:No Program|Program \d|Stream #0:))"
    r"|\[info\] {7}(Frame Cropping|DOVI configuration record): "
    r"|(frame detection|Repeated Fields): | crop=\d+:\d+:\d+:\d+$"
)
"""What ffmpeg tells of a film's programmes, streams and fields (`Ffmpeg.facts`)."""
MAX_FACTS = 2000
_REFUSED = re.compile(r"^\[vist#.*Error submitting packet to decoder")
_JUMP = re.compile(r"timestamp discontinuity \(stream id=\d+\): (-?\d+), new offset")
"""Microseconds by which the clock jumps where more of a film follows, as ffmpeg sees it."""
BACK_S = 10.0
"""Where the clock goes back by less than this, a part of the film may have come twice."""
MANY_TURNS, SAME_S = 300, 0.5
"""So often at least does the clock jump to and fro by the same, within so many seconds, where one stream has paused and
the other has not: each packet looks as a jump then. Where the clock does jump, one may come to it seconds before the
other."""
_MOVED = re.compile(r"^\[Eval @ 0x[0-9a-f]+\] \[info\] (\d+\.\d+)$")
"""Seconds by which the graph moves a picture."""
_LOST = re.compile(r"corrupt input packet in stream (\d+)$")
_READ = re.compile(r"Input stream #\d+:(\d+) \(\w+\): (\d+) packets read")
_DECODED = re.compile(r"Input stream #\d+:(\d+) \((\w+)\).* (\d+) frames decoded.*?; (\d+) decode errors")


@lru_cache(maxsize=1)
def binary() -> str:
    """The ffmpeg that runs: `CINELAKE_FFMPEG`, or the one of the imageio-ffmpeg wheel."""
    named = os.environ.get("CINELAKE_FFMPEG")
    if named:
        return named
    import imageio_ffmpeg

    # `get_ffmpeg_exe` starts the program to see that it runs: killed at that moment, it is missing for good
    own = sorted(Path(imageio_ffmpeg.__file__).parent.glob("binaries/ffmpeg-*"))
    wanted = os.environ.get("IMAGEIO_FFMPEG_EXE") or not own
    return str(imageio_ffmpeg.get_ffmpeg_exe() if wanted else own[0])


@lru_cache(maxsize=1)
def version() -> str:
    """ffmpeg's version as it names itself, for provenance: `n9.0.2-17-g2a571b6068-20260930`."""
    first = run_ffmpeg(["-version"], deadline_s=30).stdout.decode(errors="replace").split("\n", 1)[0]
    match = re.match(r"ffmpeg version (\S+)", first)
    return match.group(1) if match else first


def safe_input(fd: int, container: str = "") -> dict[str, str]:
    """Options that stand before `-i fd:` when a film is read through the descriptor `fd`.

    container: as the probe names it; without it ffmpeg goes by the film's bytes, and may take it for another than the
    probe did.
    """
    kind = {"f": container.partition(",")[0]} if container else {}
    return {"protocol_whitelist": "fd", "format_whitelist": DEMUXERS, "fd": str(fd), **kind}


def words_of(options: Mapping[str, str]) -> list[str]:
    """Options as they stand on the command line."""
    return [word for name, value in options.items() for word in (f"-{name}", value)]


@dataclass
class Counters:
    """What ffmpeg says of its own decoding, by stream index of the film."""

    decoded: dict[int, int] = field(default_factory=dict)
    errors: dict[int, int] = field(default_factory=dict)
    packets: dict[int, int] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    """Packets that are not whole, or before which others are missing."""
    damaged: int = 0
    """Pictures that were decoded although part of them is lost."""
    refused: bool = False
    """Whether a decoder of pictures has refused what it was given."""
    back_s: float = 0.0
    """By how much the clock goes back in small jumps, all together."""
    moved_s: float = 0.0
    """How far pictures are moved, at most, whose times are not after that of the picture before."""
    pause_s: float = 0.0
    """By how much the clock jumps to and fro with every packet of one stream or the other; 0 where it doesn't."""
    turned: bool = False
    """Whether it has jumped to and fro at all."""
    _jump_s: float = 0.0
    _turns: int = 0

    def note_jump(self, by_s: float) -> None:
        """Count a jump of the clock."""
        is_turn = bool(self._jump_s) and abs(by_s + self._jump_s) < SAME_S
        self._jump_s, self._turns = by_s, self._turns + 1 if is_turn else 0
        self.turned = self.turned or is_turn
        if self._turns == MANY_TURNS:
            self.pause_s = max(self.pause_s, abs(by_s))
        if not is_turn and -BACK_S < by_s < 0:
            self.back_s -= by_s


@dataclass(frozen=True)
class Usage:
    """What a finished ffmpeg took."""

    user_s: float = 0.0
    sys_s: float = 0.0
    peak_rss_bytes: int = 0


class ThreadTimes:
    """Processor seconds of ffmpeg's threads, as they were when last looked at.

    ffmpeg names its threads after what they do: `dmx0:` reads the film, `dec0:1:` decodes its stream 1 (the codec's own
    threads, `av:…`, decode pictures), `fc0` filters pictures, `af#1:` the sound of output 1, `enc1:` and `mux1:` write
    it.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}

    def note(self, pid: int) -> None:
        """Look at all threads that the process has now; those that ended keep what they had."""
        try:
            tasks = list(os.scandir(f"/proc/{pid}/task"))
        except OSError:
            return
        for task in tasks:
            try:
                before, _, after = Path(task.path, "stat").read_text().rpartition(")")
            except OSError:
                continue  # it ended meanwhile
            fields = after.split()
            self._seen[task.name] = before.partition("(")[2], int(fields[11]) + int(fields[12])

    def seconds(self) -> dict[str, float]:
        """Name of a thread → processor seconds (user and system); threads of one name together."""
        by_name: dict[str, float] = {}
        for name, ticks in list(self._seen.values()):
            by_name[name] = by_name.get(name, 0.0) + ticks / TICKS_PER_S
        return by_name


def sound_share(seconds: dict[str, float], audio: Iterable[int], outputs: range) -> float:
    """The share of an ffmpeg's work that is the sound's. audio: its streams; outputs: numbers of its outputs."""
    parts = [
        *(f"dec0:{index}:" for index in audio),
        *(f"{what}{n}:" for n in outputs for what in ("af#", "enc", "mux")),
    ]
    of_sound = sum(s for name, s in seconds.items() if name.startswith(tuple(parts)))
    return of_sound / max(sum(seconds.values()), 1e-9)


class Ffmpeg:
    """A running ffmpeg; made by `start_ffmpeg`."""

    def __init__(
        self,
        arguments: Sequence[str],
        pass_fds: Sequence[int],
        stdout: int | IO[bytes],
        makes: Sequence[Path] = (),
        opens: Sequence[Path] = (),
    ):
        self.counters = Counters()
        self.usage = Usage()
        self.returncode: int | None = None
        self._peak_rss_bytes = 0
        self.threads = ThreadTimes()
        self._tail: deque[str] = deque()
        self.facts: list[str] = []
        """Lines that `_FACT` matches, at most `MAX_FACTS`."""
        self._ended = threading.Event()
        command = [binary(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+level+verbose", *arguments]
        start = partial(start_confined, makes=makes, opens=opens) if pass_fds else subprocess.Popen
        self.process: subprocess.Popen[bytes] = start(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            env={**plain_environment(), **KEEPS_MEMORY},
        )
        self._drain = threading.Thread(target=self._drain_log, name="ffmpeg-log", daemon=True)
        self._drain.start()
        threading.Thread(target=self._reap, name="ffmpeg-wait", daemon=True).start()

    @property
    def log_tail(self) -> str:
        """The end of ffmpeg's warnings and errors, as it wrote them."""
        return "\n".join(self._tail)

    @property
    def last_words(self) -> str:
        """The last line of `log_tail`, for a message."""
        return self._tail[-1] if self._tail else "ffmpeg said nothing"

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until ffmpeg has ended and its log is read; False when it still runs after `timeout_s`."""
        if not self._ended.wait(timeout_s):
            return False
        self._drain.join(5)
        return True

    def note_usage(self) -> None:
        """Read its threads' times, and its peak memory (what `wait4` reports includes our size before the exec)."""
        self.threads.note(self.process.pid)
        with contextlib.suppress(OSError), open(f"/proc/{self.process.pid}/status") as status:  # noqa: PTH123
            match = re.search(r"VmHWM:\s+(\d+) kB", status.read())
            self._peak_rss_bytes = int(match[1]) * 1024 if match else self._peak_rss_bytes

    def kill(self) -> None:
        """End ffmpeg and whatever it started, at once."""
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _reap(self) -> None:
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = self.returncode = os.waitstatus_to_exitcode(status)
        self.usage = Usage(used.ru_utime, used.ru_stime, self._peak_rss_bytes or used.ru_maxrss * 1024)
        self._ended.set()

    def _drain_log(self) -> None:
        assert self.process.stderr is not None
        size = 0
        with self.process.stderr as stderr:
            while raw := stderr.readline(2000):
                line = raw.decode(errors="replace").rstrip()
                if _FACT.search(line) and len(self.facts) < MAX_FACTS:
                    self.facts.append(line)
                line = line.strip()
                self._count(line)
                if not line or _NOT_REPORTED.search(line):
                    continue
                self._tail.append(_LEVEL.sub("", line))
                size += len(self._tail[-1])
                while size > TAIL_BYTES:
                    size -= len(self._tail.popleft())

    def _count(self, line: str) -> None:
        if "corrupt decoded frame" in line:
            self.counters.damaged += 1
            return
        if match := _LOST.search(line):
            self.counters.lost[int(match[1])] = self.counters.lost.get(int(match[1]), 0) + 1
        if match := _JUMP.search(line):
            self.counters.note_jump(int(match[1]) / 1e6)
        if match := _MOVED.search(line):
            self.counters.moved_s = max(self.counters.moved_s, float(match[1]))
        self.counters.refused = self.counters.refused or _REFUSED.search(line) is not None
        if match := _READ.search(line):
            self.counters.packets[int(match[1])] = int(match[2])
        if match := _DECODED.search(line):
            self.note_usage()
            self.counters.decoded[int(match[1])] = int(match[3])
            self.counters.errors[int(match[1])] = int(match[4])


@contextlib.contextmanager
def start_ffmpeg(
    arguments: Sequence[str],
    *,
    pass_fds: Sequence[int] = (),
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    makes: Sequence[Path] = (),
    opens: Sequence[Path] = (),
) -> Iterator[Ffmpeg]:
    """Start ffmpeg with films and pipes in `pass_fds`; it is dead when the block is left, by whatever way.

    One that is given descriptors is confined: it can open no file by name but those of `makes`, and `opens`, what
    belongs to a device that decodes.
    """
    running = Ffmpeg(arguments, pass_fds, stdout, makes, opens)
    try:
        yield running
    finally:
        running.kill()
        running.wait(10)


@dataclass(frozen=True)
class Finished:
    """A run of ffmpeg that ended by itself."""

    returncode: int
    stdout: bytes
    log_tail: str
    usage: Usage
    facts: tuple[str, ...] = ()
    """What it told of programmes, streams and fields, line by line."""


def run_ffmpeg(
    arguments: Sequence[str], *, deadline_s: float, pass_fds: Sequence[int] = (), makes: Sequence[Path] = ()
) -> Finished:
    """Run ffmpeg to its end and return what it wrote to stdout.

    With `pass_fds` it is confined, as `start_ffmpeg` says. Raises `DecodeTimeout` after `deadline_s`, `WorkerLost`
    where it was killed from outside: what it had said by then is no answer.
    """
    read_end, write_end = os.pipe()
    chunks: list[bytes] = []
    reader = threading.Thread(target=_drain_into, args=(read_end, chunks.append), daemon=True)
    try:
        with start_ffmpeg(arguments, pass_fds=pass_fds, stdout=write_end, makes=makes) as running:
            os.close(write_end)
            reader.start()
            started = time.monotonic()
            if not running.wait(deadline_s):
                took = time.monotonic() - started
                raise DecodeTimeout(f"ffmpeg was killed after {took:.1f} s", log_tail=running.log_tail)
    finally:
        if reader.ident is not None:
            reader.join()
        else:
            os.close(read_end)
    if running.returncode == -signal.SIGKILL:
        raise WorkerLost("ffmpeg was killed while it looked at a film (out of memory?)", log_tail=running.log_tail)
    return Finished(running.returncode or 0, b"".join(chunks), running.log_tail, running.usage, tuple(running.facts))


def _drain_into(fd: int, take: Callable[[bytes], None]) -> None:
    with os.fdopen(fd, "rb", buffering=0) as pipe:
        while chunk := pipe.read(1 << 20):
            take(chunk)
