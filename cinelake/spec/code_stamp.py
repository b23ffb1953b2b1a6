"""Fingerprints of tasks' and models' code: whoever changes what one does raises its version, or says why not.

    python -m cinelake.fingerprint                                    list those whose stamp does not fit
    python -m cinelake.fingerprint --stamp shots models/scenes        stamp those whose version or revision was raised
    python -m cinelake.fingerprint --stamp shots --same-output "…"    … or whose output is the same, and why

The stamp is one line in the task's own file: `CODE = "v1.r1 3f62a9c0b1d24e57"`. A cell's key holds a task's version,
not its code; so a lake made by older code would pass as fresh, and this is what asks about it. Comments, docstrings
and layout do not count; private modules beside the task (`tasks/_cuts.py`) do, as far as it imports them. A model's
stamp has no revision: champions trained under another version of its code are not applied until it is trained again.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from cinelake.errors import UnknownName, UsageError
from cinelake.spec.model import Model, find_model
from cinelake.spec.task import TaskSpec, find_task

LINE = 120
"""How long the stamp's line may be."""
ROOM = Path(__file__).parent.parent / "tasks"
MODELS = Path(__file__).parent.parent / "models"
STAMP = re.compile(
    r'^CODE = "(?P<declared>v\d+(?:\.r\d+)?) (?P<code>[0-9a-f]{16})"(?:  # same output: (?P<why>.+))?$', re.M
)


CHANGED = """\
the code of {file} (or of a private module that it imports) changed, and it is still {declared}:
cells that the old code made would pass as fresh. Do one of three things:
- the meaning of the output changed: raise `version` in its @task (descendants are made anew too), then run
  `{command}`
- only this table changed (a column added): raise `revision` in its @task, then run the same
- the output is the same: run `{command} --same-output "why it is the same"`"""
CHANGED_MODEL = """\
the code of {file} (or of a private module that it imports) changed, and it is still {declared}:
versions that the old code trained would pass as fitting. Do one of two things:
- features or predictions mean something else: raise `version` in its MODEL (it must be trained again), then run
  `{command}`
- they are the same: run `{command} --same-output "why they are the same"`"""
Declared = TaskSpec | Model


@dataclass(frozen=True)
class Stamp:
    """What a task's file says of its code: version and revision, fingerprint, why the output is the same."""

    declared: str
    code: str
    why: str = ""

    def __str__(self) -> str:
        return f'CODE = "{self.declared} {self.code}"' + (f"  # same output: {self.why}" if self.why else "")


def code_fingerprint(path: Path) -> str:
    """16 hexadecimal digits of the code of a task's file and of the private modules that it imports."""
    parts = [f"{module.stem} {_code(module)}" for module in sorted(_modules(path))]
    return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _modules(path: Path) -> set[Path]:
    """The file and, transitively, the private modules beside it that it imports."""
    found, waiting = set(), [path]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [path.parent / f"{name}.py" for name in _private_imports(module)]
    return found


def _private_imports(path: Path) -> Iterator[str]:
    """Names of private modules of the same folder that a module imports, on top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        imported = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if isinstance(node, ast.ImportFrom):
            imported = [node.module or "", *(f"{node.module or ''}.{name}" for name in imported)]
        for name in (part for text in imported for part in text.split(".")):
            if name.startswith("_") and (path.parent / f"{name}.py").is_file():
                yield name


def _code(path: Path) -> str:
    """A module's code without comments, docstrings, layout and its own stamp."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if not _is_stamp(node)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [part for part in node.body if not _is_words(part)]
    return _dump(tree)


def _dump(node: Any) -> str:
    """A syntax tree as text that every version of Python writes alike: what is empty is left out."""
    if isinstance(node, ast.AST):
        parts = [f"{name}={_dump(part)}" for name, part in ast.iter_fields(node) if part is not None and part != []]
        return f"{type(node).__name__}({','.join(parts)})"
    return f"[{','.join(map(_dump, node))}]" if isinstance(node, list) else repr(node)


def _is_stamp(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["CODE"]


def _is_words(node: ast.stmt) -> bool:
    """A docstring: of a module, class or function, or below a field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def read_stamp(path: Path) -> Stamp | None:
    """The stamp in a task's file; None where there is none."""
    found = STAMP.search(path.read_text())
    return Stamp(found["declared"], found["code"], found["why"] or "") if found else None


def complaint(path: Path, spec: Declared) -> str:
    """What does not fit between a task's or model's code and its stamp, and what to do; empty when all fits."""
    stamp, code = read_stamp(path), code_fingerprint(path)
    is_model = isinstance(spec, Model)
    file = f"{'models' if is_model else 'tasks'}/{path.name}"
    command = f"python -m cinelake.fingerprint --stamp {'models/' * is_model}{path.stem}"
    if stamp is None:
        return f"{file} has no stamp of its code: run `{command}`"
    if stamp.code == code and stamp.declared == _declared(spec):
        return ""
    if stamp.declared != _declared(spec):
        return f"{file} is now {_declared(spec)}, its stamp says {stamp.declared}: run `{command}`"
    return (CHANGED_MODEL if is_model else CHANGED).format(file=file, declared=stamp.declared, command=command)


def stamp_task(path: Path, spec: Declared, same_output: str = "") -> Stamp:
    """Write the stamp of a task's present code into its file; gives it.

    Raises `UsageError` when the code changed, version and revision did not, and no words say that the output is the
    same.
    """
    old, code = read_stamp(path), code_fingerprint(path)
    unanswered = old is not None and old.code != code and old.declared == _declared(spec)
    if unanswered and not same_output:
        raise UsageError(complaint(path, spec))
    kept = old.why if old and (old.code, old.declared) == (code, _declared(spec)) else ""
    stamp = Stamp(_declared(spec), code, " ".join(same_output.split()) or kept)
    if len(str(stamp)) > LINE:
        raise UsageError(f"say it in {LINE - len(str(replace(stamp, why='')))} characters, received {stamp.why!r}")
    text = path.read_text()
    path.write_text(STAMP.sub(lambda _: str(stamp), text) if old else _with_stamp(text, stamp))
    return stamp


def _declared(spec: Declared) -> str:
    return f"v{spec.version}" if isinstance(spec, Model) else f"v{spec.version}.r{spec.revision}"


def _with_stamp(text: str, stamp: Stamp) -> str:
    """The file's text with a stamp below its docstring and imports."""
    body = ast.parse(text).body
    top = [
        node.end_lineno or 0 for place, node in enumerate(body) if _is_import(node) or (not place and _is_words(node))
    ]
    lines = text.splitlines(keepends=True)
    line = max(top, default=0)
    return "".join([*lines[:line], f"\n{stamp}\n", *lines[line:]])


def _is_import(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, (ast.Import, ast.ImportFrom))


def task_files() -> list[Path]:
    """The files of the tasks room, one a task."""
    return sorted(path for path in ROOM.glob("*.py") if not path.name.startswith("_"))


def model_files() -> list[Path]:
    """The files of the models room, one a model."""
    return sorted(path for path in MODELS.glob("*.py") if not path.name.startswith("_"))


def stamped() -> dict[str, tuple[Path, Declared]]:
    """Name as `--stamp` takes it → file and declaration: tasks by their names, models as `models/NAME`."""
    tasks = {path.stem: (path, find_task(path.stem)) for path in task_files()}
    return {**tasks, **{f"models/{path.stem}": (path, find_model(path.stem)) for path in model_files()}}


def main(arguments: Sequence[str] | None = None) -> int:
    """List or stamp; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cinelake.fingerprint", description="Stamps of code.")
    parser.add_argument("--stamp", nargs="+", metavar="TASK", default=[], help="write the stamps of these")
    parser.add_argument("--same-output", metavar="WORDS", default="", help="why the changed code gives the same output")
    given = parser.parse_args(arguments)
    known = stamped()
    try:
        for name in given.stamp:
            if name not in known:
                raise UnknownName("task", name, known)
            print(f"{name}: {stamp_task(*known[name], given.same_output)}")
    except UsageError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if given.stamp:
        return 0
    complaints = [told for path, spec in known.values() if (told := complaint(path, spec))]
    print("\n".join(complaints) or "every stamp fits its code")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
