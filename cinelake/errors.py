"""Every error Cinelake raises on purpose, in one place.

    CinelakeError
    ├── ManifestError            the manifest has problems: all of them, with their lines      exit 2
    ├── UsageError               a command was requested to do something impossible            exit 2
    │   ├── UnknownName          no such task, model, table, film: with close matches
    │   ├── NewerFormat          a lake, labels or a model that a newer Cinelake wrote
    │   ├── CatalogueShrunk      fewer films than the manifest expects: a share that is not mounted?
    │   ├── EngineUnavailable    the engine, a requested device or a server is not available
    │   │   ├── EngineStopped    the run was stopped before a job of its engine ended
    │   │   └── ServerRefused    a server that answers does not take a request
    │   ├── FileTooLarge         a file of a person that unpacks to more than such a file ever holds
    │   ├── NotMeasured          a simulation without a run that recorded what its tables cost
    │   ├── BadLabels            labels that cannot be imported: all problems at once, nothing imported
    │   ├── BadFeatures          features from elsewhere that break their contract: nothing imported
    │   ├── CannotHold           labels that the chosen form cannot hold: nothing is written
    │   └── CannotTrain          no labels, one class, too few films, features that do not fit
    ├── TrainingFailed           a training that went wrong: the champion stays                exit 1
    ├── PublishRefused           the manifest's bounds are broken: the last version stays       exit 1
    ├── LakeBusy                 another run has the lake's turn, and nobody is to wait         exit 75
    ├── StorageError             the lake cannot be written or read: the run stops             exit 1
    │   └── DamagedPublication   what is told of published versions cannot be read
    └── FilmError                something about one film: becomes a row of `failures`
        ├── FilmMissing          the file is not (or no longer) there            transient
        ├── FilmRefused          the film's store does not let us read it        transient
        ├── StoreUnavailable     the film's store does not answer, or went away  transient
        ├── StagingFull          a copy of it is more than a machine may hold    transient
        ├── MovieIdClash         two films of the catalogue have one movie_id
        ├── BadListing           a row of the catalogue's list that cannot be used
        ├── NotAFilm             no picture and no sound that ffmpeg may read
        ├── ForbiddenInput       a playlist, script or protocol that points elsewhere
        ├── NoSuchStream         no stream of the kind that is chosen, or none to be decoded
        ├── DamagedFilm          too much of the film cannot be decoded, or it ends early
        ├── NothingToKeep        of a damaged film that was accepted, nothing can be read
        ├── ColoursNotShown      nothing here can show its colours (Dolby Vision without another base)
        ├── PicturesTooLarge     its pictures have more pixels than a step may decode
        ├── BadSubtitles         a file of subtitles beside the film that cannot be read
        ├── DecodeTimeout        ffmpeg or a step ran past its deadline            transient
        ├── ContractViolation    a table that breaks its contract
        ├── InputChanged         an input of the step changed while it ran         transient
        ├── WorkerLost           the process that worked on the film died          transient
        ├── DiskFull             no room for unfinished files where it worked      transient
        ├── NodeDiffers          a machine that joined has other versions          transient
        ├── DeviceUnavailable    no such device to decode on, or it cannot         transient
        ├── WeightsMissing       a model file is not where it was sought
        ├── ModelUnusable        a model file cannot be loaded or does not fit
        └── TaskFailed           a task raised something that none of these names

An error says where, which rule, the value received and what to do. A `FilmError` has a `reason` (its class's
name in snake case, the `reason` column of `failures`) and says whether it is `transient` (retried by the next
run) or permanent (waits until film, parameters or version change, or `--failed`).

No error shows a secret: passwords and keys are taken out of every message when it is made (`without_secrets`).
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

HIDDEN = "***"
_SECRET_NAME = r"(?:password|passwd|pwd|secret|token|signature|credential|api[_-]?key|access[_-]?key|accesskeyid)"
SECRET_OPTION = re.compile(rf"({_SECRET_NAME}[\w-]{{0,64}}(?<!_env)=)[^\s&;,'\"<>)]+", re.IGNORECASE)
_SECRETS = (
    (re.compile(r"(?<![a-z0-9+.-])([a-z0-9+.-]++://)[^\s/?#'\"<>]*@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    (SECRET_OPTION, rf"\1{HIDDEN}"),
    (re.compile(r"([?&](?:sig|key|auth|code)=)[^\s&;,'\"<>)]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\bauthorization['\"]?\s*[:=]\s*['\"]?(?:(?:basic|bearer|digest)\s+)?)[^\s'\",]+", re.IGNORECASE),
     rf"\1{HIDDEN}"),
    (re.compile(r"(\bbearer\s+)[\w.~+/=-]{16,}", re.IGNORECASE), rf"\1{HIDDEN}"),
)  # fmt: skip
"""User and password of an address; values of what is named a secret; keys in an address; headers of requests.
Each is found in a time that grows as the text: whoever names a film writes what is looked through."""
_SECRET_VARIABLE = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_KEY|AUTH_STRING", re.IGNORECASE)
_SHORTEST_SECRET = 8
"""Shorter values of variables are words that may stand in a message for other reasons; paths are shown."""


def may_be_secret(variable: str) -> bool:
    """Whether an environment variable's name says that its value is for few eyes."""
    return _SECRET_VARIABLE.search(variable) is not None


def without_secrets(text: str) -> str:
    """The text with what nobody must see as `***`: passwords and keys in addresses, and the values of environment
    variables whose names say that they are secret."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST_SECRET and value in text and may_be_secret(name) and value[0] not in "/~":
            text = text.replace(value, HIDDEN)
    return text


class CinelakeError(Exception):
    """Anything Cinelake raises on purpose; `exit_code` is what the command ends with."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *parts: object):
        super().__init__(*(without_secrets(part) if isinstance(part, str) else part for part in parts))


@dataclass(frozen=True, order=True)
class Problem:
    """One problem of a manifest or list: where (file, line; 0 = whole file), which setting, what is wrong."""

    file: str
    line: int
    where: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.where}: {self.message}" if self.where else f"{place}: {self.message}"


class ManifestError(CinelakeError):
    """The manifest has problems; `problems` holds all of them, in the order of their lines."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the manifest:"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class UsageError(CinelakeError):
    """A command was requested to do something impossible."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that nothing has; the message lists close matches or, if there are none, what there is."""

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(f"unknown {kind} {name!r}{did_you_mean(name, self.known)}")


class NewerFormat(UsageError):
    """A lake, labels or a model that a newer Cinelake wrote: nothing of it is read, remade or replaced."""


class CatalogueShrunk(UsageError):
    """The catalogue has fewer films than the manifest expects, or lost too many of those that the lake has."""


class EngineUnavailable(UsageError):
    """The engine, or a requested device, is not available. Nothing falls back to another silently."""


class EngineStopped(EngineUnavailable):
    """The engine was stopped, with its run, before this job ended."""


class ServerRefused(EngineUnavailable):
    """A server that answers does not take a request: it wants another password, or it is of another version."""


class FileTooLarge(UsageError):
    """A file that somebody hands in unpacks to more than any file of its kind holds, or may do so."""


class NotMeasured(UsageError):
    """A simulation wants the costs of tables that no run has recorded; `tables` names them."""

    def __init__(self, tables: Sequence[str]):
        self.tables = list(tables)
        lacking = f"no run has recorded a cost yet of: {', '.join(self.tables)}"
        apart = "every table has a recorded cost, but no film has them all"
        advice = "Make them for a few films first (`cinelake run --movie ID`), or leave them out with `--select`."
        super().__init__(f"{lacking if self.tables else apart}. {advice}")


class BadLabels(UsageError):
    """Labels that cannot be imported; `problems` holds all of them, and nothing was imported."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(problems)
        count = len(self.problems)
        shown = [f"  {problem}" for problem in self.problems[:50]]
        more = [f"  and {count - 50} more"] if count > 50 else []
        head = f"{count} problem{'s' if count != 1 else ''} in the labels, nothing was imported:"
        super().__init__("\n".join([head, *shown, *more]))


class BadFeatures(UsageError):
    """Features from elsewhere that cannot be imported; `problems` holds all of them, and nothing was imported."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(problems)
        count = len(self.problems)
        shown = [f"  {problem}" for problem in self.problems[:50]]
        more = [f"  and {count - 50} more"] if count > 50 else []
        head = f"{count} problem{'s' if count != 1 else ''} in the features, nothing was imported:"
        super().__init__("\n".join([head, *shown, *more]))


class CannotHold(UsageError):
    """Labels that a form of another program has no room for; `reasons` says all of them, and nothing is written."""

    def __init__(self, form: str, reasons: Sequence[str]):
        self.form, self.reasons = form, list(reasons)
        shown = [f"  {reason}" for reason in self.reasons[:20]]
        more = [f"  and {len(self.reasons) - 20} more"] if len(self.reasons) > 20 else []
        advice = "csv, xlsx and parquet hold every label; --movie writes some films alone."
        super().__init__("\n".join([f"{form} cannot hold these labels, nothing was written:", *shown, *more, advice]))


class CannotTrain(UsageError):
    """There is nothing to learn from, or it does not fit: known before hours are spent."""


class TrainingFailed(CinelakeError):
    """A training that went wrong (a NaN or infinite loss, say); the present champion stays."""


class PublishRefused(CinelakeError):
    """Films break the bounds of section `quality`: nothing was published, the last version stays."""

    def __init__(self, broken: Sequence[str]):
        self.broken = list(broken)
        lines = [f"  {message}" for message in self.broken]
        super().__init__("\n".join(["nothing was published, section `quality` of the manifest is not kept:", *lines]))


class StorageError(CinelakeError):
    """The lake cannot be read or written (full disk, read-only, no such bucket): the run stops."""


class DamagedPublication(StorageError):
    """What a lake's folder of published versions says of them cannot be read: the next publish makes another."""


class LakeBusy(CinelakeError):
    """Another run works on the lake, and this one is not to wait; the same command may succeed later (EX_TEMPFAIL)."""

    exit_code = 75


class FilmError(CinelakeError):
    """Something about one film. Becomes a row of `failures`; other films continue."""

    transient: ClassVar[bool] = False

    def __init__(self, message: str, *, log_tail: str = ""):
        super().__init__(message)
        self.log_tail = without_secrets(log_tail)

    @property
    def reason(self) -> str:
        """The class's name in snake case: `NotAFilm` → `not_a_film`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=A)(?=F)", "_", type(self).__name__).lower()

    def __reduce__(self) -> tuple[object, ...]:
        return (revived, (type(self), str(self), self.log_tail))


def revived(kind: type[FilmError], message: str, log_tail: str) -> FilmError:
    """Rebuild an error that crossed a process boundary, whatever its constructor takes."""
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.log_tail = log_tail
    return error


def transient_reasons() -> frozenset[str]:
    """Reasons of failures that the next run tries again."""
    return frozenset(kind.__new__(kind).reason for kind in FilmError.__subclasses__() if kind.transient)


class FilmMissing(FilmError):
    """The film's file is missing (or was removed)."""

    transient = True


class FilmRefused(FilmError):
    """The store that the film is on does not let us read it; retried, as it is mostly credentials that ran out."""

    transient = True


class StoreUnavailable(FilmError):
    """The store that the film is on does not answer, or went away in the middle."""

    transient = True


class StagingFull(FilmError):
    """A copy of the film does not fit, even alone: it is larger than `staging.max_gb`."""

    transient = True


class MovieIdClash(FilmError):
    """Two films of the catalogue have one movie_id: neither runs."""


class BadListing(FilmError):
    """A row of the catalogue's list that cannot be used: its id, or a place that cannot be read from here."""


class NotAFilm(FilmError):
    """There is no picture and no sound in the file that ffmpeg may read."""


class ForbiddenInput(FilmError):
    """The file is a playlist or script, or points at other files or the network."""


class DamagedFilm(FilmError):
    """The film ends early, or too much of it cannot be decoded."""


class NoSuchStream(FilmError):
    """The film has no stream of the kind that the manifest or the list chooses, and the choice wants no other.

    Or it has pictures, or sound, and none of these streams can be decoded."""


class NothingToKeep(FilmError):
    """The film is damaged, and of what was to be kept of it nothing can be read."""


class ColoursNotShown(FilmError):
    """The film's colours are of a kind that nothing here can show (Dolby Vision profile 5): they would be wrong."""


class PicturesTooLarge(FilmError):
    """The film's pictures have more pixels than `defaults.max_pixels` lets a step decode."""


class BadSubtitles(FilmError):
    """A file of subtitles that cannot be read: it is too large, no text, or holds none."""


class DecodeTimeout(FilmError):
    """ffmpeg, or a step around it, ran past its deadline and was killed."""

    transient = True


class InputChanged(FilmError):
    """An input of the step changed while it ran; the result was discarded."""

    transient = True


class WorkerLost(FilmError):
    """The process that worked on the film died (killed, out of memory); `memory_gb`: what it held, if that is known."""

    transient = True

    def __init__(self, message: str, *, log_tail: str = "", memory_gb: float | None = None):
        super().__init__(message, log_tail=log_tail)
        self.memory_gb = memory_gb

    def __reduce__(self) -> tuple[object, ...]:
        return (_revive_lost, (str(self), self.log_tail, self.memory_gb))


def _revive_lost(message: str, log_tail: str, memory_gb: float | None) -> WorkerLost:
    return WorkerLost(message, log_tail=log_tail, memory_gb=memory_gb)


class DiskFull(FilmError):
    """A disk of the machine that worked on the film is full, though not the lake's; another machine may have room."""

    transient = True


class NodeDiffers(FilmError):
    """A machine that joined the cluster after the run's start has other versions than the run; another may not."""

    transient = True


class DeviceUnavailable(FilmError):
    """A film was to be decoded on a device that the machine has not, or that cannot decode it; another machine may."""

    transient = True


class WeightsMissing(FilmError):
    """A model file is missing; the message says where it was looked for, and how to get it."""


class ModelUnusable(FilmError):
    """A model file cannot be loaded safely, or its inputs and outputs do not fit the task."""


class TaskFailed(FilmError):
    """A task raised something that none of the typed errors names."""


class ContractViolation(FilmError):
    """A table that breaks its contract: which check, which column, how many rows, at most five of them."""

    def __init__(self, table: str, check: str, column: str, count: int, examples: Sequence[str]):
        self.table, self.check, self.column, self.count = table, check, column, count
        self.examples = list(examples)[:5]
        shown = "; ".join(self.examples) or "none shown"
        super().__init__(f"table {table!r}, column {column!r}: {check} ({count} rows). Examples: {shown}")


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown name: close matches, or what there is (at most twelve)."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.55)
    if close:
        return ": did you mean " + " or ".join(repr(match) for match in close) + "?"
    if not known:
        return ""
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f": there is {', '.join(known[:12])}{more}"
