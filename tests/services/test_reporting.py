"""What could not run is named at the end, and is a failure where nobody would read it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

ONE_RUNS_TWO_DO_NOT = """
import pytest
from tests.services.missing import missing

def test_that_runs(): pass

@pytest.mark.parametrize("nth", [1, 2])
def test_that_cannot(nth): missing("Kafka", "make services")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_what_could_not_run_is_named_and_fails_the_run_in_ci(
    tmp_path: Path, ci: str, status: int
) -> None:
    (tmp_path / "test_it.py").write_text(ONE_RUNS_TWO_DO_NOT)
    reporting = ["-p", "tests.services.reporting", "-p", "no:xdist", "-p", "no:cacheprovider"]

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *reporting, "-c", os.devnull, tmp_path],
        cwd=PROJECT,
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "2 tests: no Kafka here; what helps: make services" in ended.stdout
    assert "1 passed, 2 skipped" in ended.stdout
    assert ended.returncode == status
