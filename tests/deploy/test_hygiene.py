"""The house rules that no linter knows: size, completeness, and the shape of shared files."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HOUSE = ("bot", "workflows", "handlers")
LONGEST_MODULE = 400

RELEASE = re.compile(r"## \[?(?:Unreleased|\d+\.\d+\.\d+\]? (?:-|–) \d{4}-\d\d-\d\d)\]?")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def modules(*parts: str) -> list[Path]:
    return sorted(path for part in parts for path in (PROJECT / part).rglob("*.py"))


def runbooks() -> list[Path]:
    return [path for path in sorted((PROJECT / "workflows").glob("*.py")) if defines(path)]


def defines(path: Path, name: str = "RUNBOOK") -> bool:
    targets: list[ast.expr] = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign):
            targets.append(node.target)
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def changelog() -> list[str]:
    return (PROJECT / "CHANGELOG.md").read_text().splitlines()


def test_no_module_outgrows_its_subject() -> None:
    long = {
        str(path.relative_to(PROJECT)): lines
        for path in modules(*HOUSE, "tests", "bench")
        if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE
    }
    assert not long, f"split by subject: {long}"


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(PROJECT))
        for path in modules(*HOUSE)
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert not silent, f"open with one sentence: {silent}"


@pytest.mark.parametrize("runbook", runbooks(), ids=lambda path: path.stem)
def test_a_runbook_has_its_words_and_its_tests(runbook: Path) -> None:
    name = runbook.stem.replace("_", "-")
    templates = list((PROJECT / "workflows" / "templates").glob(f"{name}.*"))
    tests = PROJECT / "tests" / "workflows" / f"test_{runbook.stem}.py"

    assert templates, f"write workflows/templates/{name}.j2"
    assert tests.is_file(), f"write {tests.relative_to(PROJECT)}"


def test_the_pins_name_versions_and_no_addresses() -> None:
    pins = [
        line
        for line in (PROJECT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert pins
    assert [pin for pin in pins if not re.match(r"[a-z0-9-]+==[\w.!+]+( ; .+)?$", pin)] == []


def test_everything_that_is_asked_for_is_pinned() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    asked = [*project["project"]["dependencies"], *(w for g in groups for w in g)]
    named = {re.split(r"[^\w.-]", words)[0].lower() for words in asked if isinstance(words, str)}
    pins = (PROJECT / "constraints.txt").read_text()
    assert sorted(named - set(re.findall(r"^([\w-]+)==", pins, re.MULTILINE))) == [], "make lock"


def test_the_changelog_opens_with_what_is_not_released_yet() -> None:
    lines = changelog()
    releases = [line for line in lines if line.startswith("## ")]

    assert lines[0] == "# Changelog"
    assert releases, "no release, not even an unreleased one"
    assert releases[0].strip("# []") == "Unreleased"
    assert [line for line in releases if not RELEASE.fullmatch(line)] == []


def test_the_changelog_is_lists_under_known_kinds() -> None:
    lines = changelog()
    first = next(n for n, line in enumerate(lines) if line.startswith("## "))
    kinds = {line.removeprefix("### ") for line in lines if line.startswith("### ")}
    entries = [line for line in lines[first:] if line and not line.startswith("#")]

    assert kinds <= KINDS
    assert entries, "nothing to tell?"
    assert [line for line in entries if not line.startswith(("- ", "  ", "["))] == []
