"""Documentation is tested: what it shows can be typed, and what can be typed is shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from benchmarks.house import PRODUCT, named_files, run_one_film
from cinelake.manifest.document import load_manifest
from cli.main import COMMANDS as LINES
from cli.main import app, load_command, unwrapped
from cli.pages import DOCS, pages

ROOT = Path(__file__).parents[1]
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]

GROUP = typer.main.get_command(app)
CONTEXT = typer.Context(GROUP, info_name="cinelake")
COMMANDS = {name: load_command(name) for name in GROUP.list_commands(CONTEXT)}


def shown_commands() -> list[tuple[str, str]]:
    """File and command line of every `cinelake …` in backticks or in an indented block."""
    pattern = re.compile(r"`(?:\.venv/bin/)?cinelake (-?[^`]+)`|^ {4}cinelake (\S.*)$", re.M)
    return sorted({(path.name, m[1] or m[2]) for path in WRITTEN for m in pattern.finditer(path.read_text())})


def snippets(language: str) -> list[str]:
    """The code blocks of the README in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.mark.parametrize("name", pages())
def test_a_generated_page_is_up_to_date(name):
    found = (DOCS / name).read_text() if (DOCS / name).exists() else ""
    assert found == pages()[name], f"docs/{name} is out of date: run `python -m cli.pages` and commit it"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_stands_in_the_docs_with_all_its_options(name):
    page = (DOCS / "commands.md").read_text()
    section = page.partition(f"\n## cinelake {name}\n")[2].partition("\n## ")[0]
    assert section, f"`cinelake {name}` is not in docs/commands.md: run `python -m cli.pages`"
    options = [word for parameter in COMMANDS[name].params for word in parameter.opts if word.startswith("--")]
    assert [word for word in options if f"`{word}`" not in section] in ([], ["--help"])


def test_every_environment_variable_that_is_read_stands_in_the_docs():
    code = "".join(path.read_text() for room in PRODUCT for path in (ROOT / room).rglob("*.py"))
    read = set(re.findall(r'(?:environ(?:\.get)?[([]|envvar=)"(CINELAKE_\w+)"', code))
    assert read and not [name for name in sorted(read) if f"| `{name}` |" not in (DOCS / "commands.md").read_text()]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_sentence_and_examples(name):
    assert (COMMANDS[name].help or "").strip().endswith((".", ")"))
    assert f"cinelake {name}" in (COMMANDS[name].epilog or "")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_of_one_what_its_own_help_begins_with(name):
    assert LINES[name] == " ".join(COMMANDS[name].help.partition("\n\n")[0].split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_says_what_it_is(name):
    silent = [p.name for p in COMMANDS[name].params if not getattr(p, "help", "")]
    assert not silent, f"options of `cinelake {name}` without a help text in cli/{name}.py: {silent}"


def test_a_paragraph_of_a_help_is_broken_by_the_terminal_alone():
    assert unwrapped("First\nline.\n\n    The second\n    paragraph.") == "First line.\n\nThe second paragraph."


@pytest.mark.parametrize(("file", "line"), shown_commands())
def test_a_shown_command_can_be_typed(file, line):
    words = shlex.split(line.partition(" >")[0], comments=True)
    if words[0].startswith("-"):
        known = {option for parameter in GROUP.params for option in parameter.opts} | {"--help"}
        assert words[0] in known, f"{file} shows `cinelake {line}`: there is no such option"
    else:
        assert words[0] in COMMANDS, f"{file} shows `cinelake {line}`: there is no such command"
        COMMANDS[words[0]].make_context(words[0], words[1:])


def test_the_manifest_in_the_readme_is_valid(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(snippets("yaml")[0])
    assert list(load_manifest(tmp_path / "pipeline.yaml").enabled)[:2] == ["films", "shots"]


@pytest.mark.parametrize(("number", "table"), [(1, "scenes"), (2, "embeddings_place")])
def test_what_the_readme_adds_to_its_manifest_fits_into_it(tmp_path, number, table):
    manifest = yaml.safe_load(snippets("yaml")[0])
    manifest["tasks"] |= yaml.safe_load(snippets("yaml")[number])
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    assert table in load_manifest(tmp_path / "pipeline.yaml").enabled


def test_the_manifest_that_explains_every_option_is_valid():
    assert load_manifest(ROOT / "pipeline.yaml", check_only=True).enabled


@pytest.mark.parametrize("path", [path for path in WRITTEN if path.parent == ROOT], ids=lambda path: path.name)
def test_what_a_page_points_at_is_there(path):
    text = path.read_text()
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    linked += re.findall(r"^\| `([\w./]+)` ", text, re.M)
    assert not [target for target in linked if not (path.parent / target).exists()]


def test_every_make_target_that_is_shown_exists():
    shown = set(re.findall(r"(?:`| {4})make (\w[\w-]*)", "".join(path.read_text() for path in WRITTEN[:2])))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert shown and shown <= targets


def test_every_path_that_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`(\w[\w.*]*/[\w./*]*)`", text)
    assert named
    missing = [path for path in named if not any(ROOT.glob(path.replace("NAME", "*"))) and not _is_module(path)]
    assert not missing, f"CONTRIBUTING.md names what does not exist: {missing}"


def _is_module(path: str) -> bool:
    """Whether it is a module's path without its ending."""
    return (ROOT / f"{path}.py").is_file()


def test_the_way_of_one_film_is_short_enough_to_be_read():
    assert 0 < len(named_files(ROOT)) <= 30


@pytest.mark.slow
def test_the_way_of_one_film_names_what_runs_when_a_film_is_made(tmp_path):
    files, _ = run_one_film(ROOT, tmp_path, ["films", "shots"])
    elsewhere = [path for path in named_files(ROOT) if path not in files]
    assert not elsewhere, f"CONTRIBUTING.md leads one by files that do not run for a film: {elsewhere}"
