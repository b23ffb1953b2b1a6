"""The shape of the code: what a newcomer has to find his way through.

Counted, by reading the source of any checkout of the project (`--root`), this one by default:
- files that lie flat in the core, product files and their lines;
- circles of imports between modules, those inside functions and for type checking counted too (strongly connected
  components);
- private functions of the core that one call uses and that have at most six lines with signature and docstring, as a
  share of its functions;
- public types (classes and type aliases) whose name is defined in more than one module.
And by running: the files of which a function runs while `cinelake run` makes one row of one table (`films`) of one
film, in all its processes; with the files that CONTRIBUTING's page "The way of one film" says to read, in order.

    python -m benchmarks.house
    python -m benchmarks.house --root ../before       # another checkout
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import networkx as nx

from benchmarks.figures import Figure, Report, run, say
from cinelake.media.ffmpeg import binary
from cinelake.media.seal import FUNCTIONS

PRODUCT = ("cinelake", "models", "tasks", "report", "export", "importers", "flows", "cli")
SHORT_LINES = 6
MANIFEST = "lake: lake\ncatalogue: {films: films/*.mp4}\ntracking: {enabled: false}\ntasks:\n"
TRACER = """
import os, sys, threading
opened = open
seen, roots, log = set(), tuple(os.environ["HOUSE_ROOTS"].split(":")), os.environ["HOUSE_LOG"]
def note(frame, event, argument):
    code = frame.f_code
    if event == "call" and code not in seen:
        seen.add(code)
        if code.co_filename.startswith(roots) and code.co_flags & 1:  # neither a module nor the body of a class
            try:
                with opened(log, "a") as file:
                    file.write(f"{code.co_filename} {code.co_name} {code.co_firstlineno}\\n")
            except OSError:
                sys.setprofile(None)  # a fork that reads a film, and may write nothing
sys.setprofile(note)
threading.setprofile(note)
"""


def measure(given: argparse.Namespace) -> Report:
    """Read the checkout, and run one film through it."""
    root = given.root.resolve()
    modules = {_name(path, root): path for room in PRODUCT for path in sorted((root / room).rglob("*.py"))}
    trees = {name: ast.parse(path.read_text()) for name, path in modules.items()}
    circles = _circles(trees, {name for name, path in modules.items() if path.name == "__init__.py"})
    core = {name: tree for name, tree in trees.items() if name.split(".")[0] == "cinelake"}
    ran, functions = run_one_film(root, given.folder)
    counts: dict[str, tuple[float, float | None]] = {
        "files flat in the core": (len(list((root / "cinelake").glob("*.py"))), 3),
        "product files": (len(modules), None),
        "product lines": (sum(len(path.read_text().splitlines()) for path in modules.values()), None),
        "circles of imports": (len(circles), 0),
        "short private functions used once, % of the core": (_used_once(core), 6),
        "public type names with several meanings": (len(_several(trees)), 10),
        "files run for one row": (len(ran), 60),
        "functions run for one row": (functions, None),
        "files to read for one row": (len(named_files(root)), 30),
    }
    material = [f"circle: {', '.join(sorted(circle))}" for circle in circles]
    material += [f"several meanings: {name} in {', '.join(where)}" for name, where in sorted(_several(trees).items())]
    return Report("house", [Figure(name, [value], at_most=most) for name, (value, most) in counts.items()], material)


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _circles(trees: Mapping[str, ast.Module], packages: set[str]) -> list[set[str]]:
    """Groups of modules that import each other, directly or by way of others."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for name, tree in trees.items():
        for wanted in _imports(tree, name, name in packages):
            known = next((known for known in (wanted, wanted.rpartition(".")[0]) if known in trees), None)
            if known and known != name:
                graph.add_edge(name, known)
    return [group for group in nx.strongly_connected_components(graph) if len(group) > 1]


def _imports(tree: ast.AST, name: str, package: bool) -> Iterator[str]:
    """What a module imports, also inside functions: modules, or modules with a name of theirs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: len(name.split(".")) + package - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _used_once(core: Mapping[str, ast.Module]) -> float:
    """Per cent of the functions that are private, used by one call in their module and nowhere else, and short."""
    functions = short = 0
    for tree in core.values():
        nodes = list(ast.walk(tree))
        names = Counter(_called(node) for node in nodes)
        calls = Counter(_called(node.func) for node in nodes if isinstance(node, ast.Call))
        defined = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        functions += len(defined)
        for node in defined:
            private = node.name.startswith("_") and not node.name.startswith("__")
            once = names[node.name] == 1 == calls[node.name]
            short += private and once and (node.end_lineno or node.lineno) - node.lineno < SHORT_LINES
    return round(100 * short / functions, 2)


def _called(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _several(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Public names of types that more than one module defines, with the modules; a model's or task's own contract
    words (`Config`, `Params`, `Worker`) count too."""
    where: dict[str, list[str]] = {}
    for name, tree in trees.items():
        for node in tree.body:
            match node:
                case ast.ClassDef(name=defined):
                    pass
                case ast.Assign(targets=[ast.Name(id=defined), *_], value=value) if _is_type(value):
                    pass
                case _:
                    continue
            if not defined.startswith("_"):
                where.setdefault(defined, []).append(name)
    return {name: modules for name, modules in where.items() if len(modules) > 1}


def _is_type(value: ast.expr) -> bool:
    """Whether an assigned value is a type: `npt.NDArray[Any]`, `Callable[…]`, `int | str`, `Literal[…]`."""
    generic = re.compile(r"[\w.]*[A-Z]\w*\[|(dict|list|tuple|set|type)\[")
    return isinstance(value, ast.Subscript) and generic.match(ast.unparse(value)) is not None


def run_one_film(root: Path, folder: Path, tasks: Sequence[str] = ("films",)) -> tuple[set[str], int]:
    """The files, and how many functions of them, that run in a `cinelake run` that makes these tables of one film.

    Files are paths below `root`; class bodies count as functions. Of what reads the film in a sealed fork, which may
    write nothing, the modules count and no function. folder: where the film and its lake are made.
    """
    project, hook, log = folder / "project", folder / "hook", folder / "ran"
    (project / "films").mkdir(parents=True, exist_ok=True)
    hook.mkdir(exist_ok=True)
    log.write_text("")
    (hook / "sitecustomize.py").write_text(TRACER)
    (project / "pipeline.yaml").write_text(MANIFEST + "".join(f"  {task}: {{}}\n" for task in tasks))
    source = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3", "-pix_fmt", "yuv420p")
    subprocess.run([binary(), "-v", "error", "-y", *source, str(project / "films/drawn.mp4")], check=True)
    roots = ":".join(f"{root / room}/" for room in PRODUCT)
    paths = {"PYTHONPATH": f"{hook}:{root}", "HOUSE_LOG": str(log), "HOUSE_ROOTS": roots}
    command = [sys.executable, "-m", "cli", "run", "-m", str(project / "pipeline.yaml")]
    say("running one film")
    subprocess.run(command, check=True, cwd=root, env={**os.environ, **paths}, stdout=subprocess.DEVNULL)
    lines = set(log.read_text().splitlines())
    sealed = {f"{module.replace('.', '/')}.py" for module in FUNCTIONS}
    return {str(Path(line.split(" ")[0]).relative_to(root)) for line in lines} | sealed, len(lines)


def named_files(root: Path) -> list[str]:
    """Files that the page "The way of one film" names, in its order, each once; none where there is no such page."""
    text = (root / "CONTRIBUTING.md").read_text()
    page = re.search(r"^## The way of one film$(.*?)(?=^## |\Z)", text, re.M | re.S)
    return list(dict.fromkeys(re.findall(r"`([\w/]+\.py)`", page[1]))) if page else []


if __name__ == "__main__":
    root = ("--root", {"type": Path, "default": Path(__file__).parents[1], "help": "the checkout to count"})
    raise SystemExit(run(__doc__, measure, root, repeat=1))
