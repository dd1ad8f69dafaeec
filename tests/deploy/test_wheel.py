"""The wheel carries everything, installs where nothing is, and runs from any folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(600)]

PROJECT = Path(__file__).parents[2]
HOUSE = ("bot", "workflows", "handlers")
SCENARIO = "roll-approved"


def run(*command: str | Path, cwd: Path) -> str:
    """Run to its end without this checkout in sight; return stdout, fail with stderr."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ILBOT_"))}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command[0]} exited {done.returncode}:\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy: setuptools builds in place, and would pick up what older builds left."""
    source = tmp_path_factory.mktemp("source")
    for part in HOUSE:
        shutil.copytree(PROJECT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "dist", ".", cwd=source)
    (built,) = (source / "dist").glob("ilbot-*.whl")
    return built


@pytest.fixture(scope="module")
def ilbot(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment that holds the wheel and what it asks for, and no more."""
    place = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "env", cwd=place)
    pins = PROJECT / "constraints.txt"
    run("env/bin/python", "-m", "pip", "install", "-q", "-c", pins, wheel, cwd=place)
    return place / "env" / "bin" / "ilbot"


def test_every_file_of_the_house_is_in_the_wheel(wheel: Path) -> None:
    here = {
        str(path.relative_to(PROJECT))
        for part in HOUSE
        for path in (PROJECT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_the_command_helps_from_any_folder(ilbot: Path, tmp_path: Path) -> None:
    assert "demo" in run(ilbot, "--help", cwd=tmp_path)


def test_a_scenario_runs_to_its_end_from_any_folder(ilbot: Path, tmp_path: Path) -> None:
    assert SCENARIO in run(ilbot, "demo", "--list", cwd=tmp_path)

    document = json.loads(
        run(ilbot, "demo", "--scenario", SCENARIO, "--headless", "--json", cwd=tmp_path)
    )

    assert document["scenario"] == SCENARIO
    assert document["outcome"] == document["expected"]
