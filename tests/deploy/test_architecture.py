"""ARCHITECTURE.md leads through the house by file and function, and each of them exists."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
GUIDE = (PROJECT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
HOUSE = ("bot", "workflows", "handlers")
FENCED = re.compile(r"^```\n(.*?)^```", re.DOTALL | re.MULTILINE)
QUOTED = re.findall(r"`([^`\n]+)`", FENCED.sub("", GUIDE))

PATHS = sorted({name for name in QUOTED if name.split("/")[0] in {*HOUSE, "tests", "deploy"}})
METHODS = sorted({name for name in QUOTED if re.fullmatch(r"[A-Z]\w+\.\w+", name)})
PLACED = sorted(set(re.findall(r"`([\w/]+\.py)` `([\w.]+)`", GUIDE)))


def names_in(path: Path) -> set[str]:
    """Every function and class of a module, and every method as `Class.method`."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (
                n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            )
            names |= {f"{node.name}.{method.name}" for method in methods}
    return names


def layer(told: str) -> set[str]:
    return {name.strip() for name in told.split("|")}


def held() -> list[set[str]]:
    """The layers of the import contract, from the top."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    [found] = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    return [layer(told) for told in found["layers"]]


def test_it_names_enough_to_follow() -> None:
    assert len(PATHS) > 15
    assert len(METHODS) > 8
    assert len(PLACED) > 10


@pytest.mark.parametrize("path", PATHS)
def test_each_path_it_names_is_there(path: str) -> None:
    assert (PROJECT / path).exists()


@pytest.mark.parametrize(("path", "name"), PLACED)
def test_each_name_is_in_the_file_it_is_said_to_be_in(path: str, name: str) -> None:
    assert name in names_in(PROJECT / path)


def test_each_method_it_names_is_somewhere() -> None:
    modules = (path for part in HOUSE for path in (PROJECT / part).rglob("*.py"))
    there = set[str]().union(*(names_in(path) for path in modules))
    assert not [method for method in METHODS if method not in there]


def test_the_layers_it_draws_are_those_that_are_held() -> None:
    [drawn] = [text for text in FENCED.findall(GUIDE) if "bot.__main__" in text]
    assert [layer(told) for told in drawn.split(">")] == held()


def test_every_module_has_its_place_in_a_layer() -> None:
    parts = [path for path in (PROJECT / "bot").iterdir() if path.is_dir() or path.suffix == ".py"]
    here = {f"bot.{path.stem}" for path in parts if path.stem == "__main__" or path.stem[0] != "_"}
    placed = set[str]().union(*held())
    assert sorted(here - placed) == []
