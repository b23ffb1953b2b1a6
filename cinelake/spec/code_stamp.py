"""Stamps of tasks' and models' code: a change of what one does needs a raised version, or a reason why not.

    python -m cinelake.spec.code_stamp                                    list those whose stamp does not fit
    python -m cinelake.spec.code_stamp --stamp shots models/scenes        stamp those whose version was raised
    python -m cinelake.spec.code_stamp --stamp shots --same-output "…"    … or whose output is the same, and why

Stamps lie in one `stamps.json` a room. A cell's key holds a task's version, not its code; so a lake made by older code
would pass as fresh, and this is what asks about it. Comments, docstrings and layout do not count; the other files of
the task's folder, and what it shares with others of its room, do as far as it imports them. A model's stamp has no
revision: champions trained under another version of its code are not applied until it is trained again.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, get_args

from cinelake.errors import UnknownName, UsageError
from cinelake.spec.installed import Room, names_in
from cinelake.spec.model import Late, Model, find_model
from cinelake.spec.task import TaskSpec, find_task

ROOT = Path(__file__).parents[2]
STAMPS = "stamps.json"
MAX_WORDS = 120
"""How many characters may say why the output is the same."""

CHANGED = """\
the code of {name} (or of a file that it imports) changed, and it is still {declared}:
cells that the old code made would pass as fresh. Do one of three things:
- the meaning of the output changed: raise `version` in its @task (descendants are made anew too), then run
  `{command}`
- only this table changed (a column added): raise `revision` in its @task, then run the same
- the output is the same: run `{command} --same-output "why it is the same"`"""
CHANGED_MODEL = """\
the code of {name} (or of a file that it imports) changed, and it is still {declared}:
versions that the old code trained would pass as fitting. Do one of two things:
- features or predictions mean something else: raise `version` in its MODEL (it must be trained again), then run
  `{command}`
- they are the same: run `{command} --same-output "why they are the same"`"""


@dataclass(frozen=True)
class CodeStamp:
    """A record of a task's or model's code: version and revision, a digest, why the output is the same."""

    declared: str
    code: str
    same_output: str = ""

    def __str__(self) -> str:
        return f"{self.declared} {self.code}" + (f" (same output: {self.same_output})" if self.same_output else "")


@dataclass(frozen=True)
class Stamped:
    """A task or model of a room, its declaration, and the folder of its room."""

    folder: Path
    name: str
    declaration: TaskSpec | Model

    @property
    def known_as(self) -> str:
        """As `--stamp` takes it: tasks by their names, models as `models/NAME`."""
        return f"models/{self.name}" if isinstance(self.declaration, Model) else self.name

    @property
    def path(self) -> Path:
        """Its file: `NAME.py`, or `NAME/__init__.py`."""
        file = self.folder / f"{self.name}.py"
        return file if file.is_file() else self.folder / self.name / "__init__.py"

    @property
    def declared(self) -> str:
        """Its version, as a stamp has it; of a task its revision too."""
        version = f"v{self.declaration.version}"
        return version if isinstance(self.declaration, Model) else f"{version}.r{self.declaration.revision}"

    def stamp(self) -> CodeStamp | None:
        """The stamp in the room's file; None without one."""
        kept = _stamps(self.folder).get(self.name)
        return CodeStamp(**kept) if kept else None

    def digest(self) -> str:
        """16 hexadecimal digits of the code of its file and of the files of its room that it imports."""
        files = sorted(_imported(self.folder, self.path))
        parts = [f"{path.relative_to(self.folder).as_posix()} {_code(path)}" for path in files]
        return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()

    def complaint(self) -> str:
        """What does not fit between code and stamp, and what to do; empty when all fits."""
        stamp = self.stamp()
        command = f"python -m cinelake.spec.code_stamp --stamp {self.known_as}"
        name = f"{self.folder.name}/{self.path.relative_to(self.folder).as_posix()}"
        if stamp is None:
            return f"{name} has no stamp of its code: run `{command}`"
        if stamp.declared != self.declared:
            return f"{name} is now {self.declared}, its stamp says {stamp.declared}: run `{command}`"
        if stamp.code == self.digest():
            return ""
        words = CHANGED_MODEL if isinstance(self.declaration, Model) else CHANGED
        return words.format(name=name, declared=self.declared, command=command)

    def renew(self, same_output: str = "") -> CodeStamp:
        """Write the stamp of its present code.

        Raises `UsageError` when the code changed, version and revision did not, and no words say that the output is
        the same.
        """
        old, code = self.stamp(), self.digest()
        if old and old.code != code and old.declared == self.declared and not same_output:
            raise UsageError(self.complaint())
        kept = old.same_output if old and (old.code, old.declared) == (code, self.declared) else ""
        words = " ".join(same_output.split()) or kept
        if len(words) > MAX_WORDS:
            raise UsageError(f"say it in {MAX_WORDS} characters, received {words!r}")
        new = CodeStamp(self.declared, code, words)
        stamps = {**_stamps(self.folder), self.name: {k: v for k, v in asdict(new).items() if v}}
        text = json.dumps(dict(sorted(stamps.items())), indent=1, ensure_ascii=False)
        (self.folder / STAMPS).write_text(f"{text}\n", encoding="utf-8")
        return new


def _stamps(folder: Path) -> dict[str, Any]:
    file = folder / STAMPS
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def _imported(room: Path, path: Path) -> set[Path]:
    """The file and, transitively, what it imports of its room but for other tasks or models themselves."""
    files: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting += _imports(room, file)
    return files


def _imports(room: Path, path: Path) -> Iterator[Path]:
    """Files inside the folders of the room that a file imports: on top, inside functions, or by `Late`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == Late.__name__:
            names = [str(ast.literal_eval(node.args[0])).partition(":")[0]]
        for parts in (name.split(".") for name in names):
            file = room.joinpath(*parts[1:]).with_suffix(".py")
            if parts[0] == room.name and len(parts) > 2 and file.is_file():
                yield file


def _code(path: Path) -> str:
    """A file's code without comments, docstrings and layout."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [part for part in node.body if not _is_docstring(part)]
    return _dump(tree)


def _dump(node: Any) -> str:
    """A syntax tree as text that every version of Python writes alike: empty fields are left out."""
    if isinstance(node, ast.AST):
        parts = [f"{name}={_dump(part)}" for name, part in ast.iter_fields(node) if part is not None and part != []]
        return f"{type(node).__name__}({','.join(parts)})"
    return f"[{','.join(map(_dump, node))}]" if isinstance(node, list) else repr(node)


def _is_docstring(node: ast.stmt) -> bool:
    """Whether it is one: of a module, class or function, or below a field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def stamped(root: Path = ROOT) -> dict[str, Stamped]:
    """Name as `--stamp` takes it → task or model, of this checkout's rooms (what packages add is theirs to stamp)."""
    rooms: tuple[Room, ...] = get_args(Room)
    declared = [
        Stamped(root / room, name, find_task(name) if room == "tasks" else find_model(name))
        for room in rooms
        for name in names_in(room)
    ]
    return {one.known_as: one for one in declared if one.path.is_file()}


def main(arguments: Sequence[str] | None = None) -> int:
    """List or write stamps; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cinelake.spec.code_stamp", description="Stamps of code.")
    parser.add_argument("--stamp", nargs="+", metavar="NAME", default=[], help="write the stamps of these")
    parser.add_argument("--same-output", metavar="WORDS", default="", help="why the changed code gives the same output")
    given = parser.parse_args(arguments)
    known = stamped()
    try:
        for name in given.stamp:
            if name not in known:
                raise UnknownName("task", name, known)
            print(f"{name}: {known[name].renew(given.same_output)}")
    except UsageError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if given.stamp:
        return 0
    complaints = [complaint for one in known.values() if (complaint := one.complaint())]
    print("\n".join(complaints) or "every stamp fits its code")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
