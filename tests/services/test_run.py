"""A server started for a test run goes when the run does, however the run ends."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.run import Controller, Run

PROJECT = Path(__file__).parents[2]

A_RUN_THAT_NEVER_ENDS = """
from tests.services.run import Controller
controller = Controller()
controller.run.supervise("sleeper", ["sleep", "600"]).wait_until(
    (controller.run.folder / "sleeper.alive").read_bytes
)
print(controller.run.folder, flush=True)
input()
"""


def wait_until_gone(folder: Path, service: str) -> int:
    """Wait for the supervisor to let go, and return the pid its server had."""
    with (folder / f"{service}.alive").open("rb") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        return int(alive.read())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.serial
@pytest.mark.timeout(30)
def test_a_killed_run_leaves_no_server_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", A_RUN_THAT_NEVER_ENDS],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().strip())
        run.send_signal(signal.SIGKILL)

    assert not is_running(wait_until_gone(folder, "sleeper"))
    shutil.rmtree(folder)


@pytest.mark.serial
@pytest.mark.timeout(30)
def test_a_server_that_ends_at_once_is_reported_with_its_last_words() -> None:
    controller = Controller()
    started = controller.run.supervise("broken", ["sh", "-c", "echo no such cloud; exit 3"])

    with pytest.raises(RuntimeError, match="start broken: not ready, its log ends:\nno such cloud"):
        started.wait_until(lambda: False)

    controller.close()
    assert not controller.run.folder.exists()


@pytest.mark.serial
@pytest.mark.parametrize("nth", range(4))
def test_serial_tests_share_one_worker(ilbot_run: Run, nth: int) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")

    assert ilbot_run.address_of("serial-group", lambda: worker) == worker


def test_only_the_first_worker_to_ask_starts_a_server(tmp_path: Path) -> None:
    starts: list[str] = []

    def start() -> str:
        starts.append("started")
        return "127.0.0.1:9092"

    addresses = [Run(tmp_path).address_of("kafka", start) for _ in range(3)]

    assert addresses == ["127.0.0.1:9092"] * 3
    assert starts == ["started"]
