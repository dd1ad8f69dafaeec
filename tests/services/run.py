"""One test run's servers: each started by whichever worker asks first, shared with the others, and
gone when the run is, even when the run is killed.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import IO

START_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
_STOPPED_BY_THEN_S = 600.0
_PREFIX = "ilbot-tests-"
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True, slots=True)
class Run:
    """The folder the workers of one run share; its lock is held by the run's controller alone."""

    folder: Path

    def address_of(self, service: str, start: Callable[[], str]) -> str:
        """Return where `service` listens, calling `start` if no worker of this run has yet."""
        address = self.folder / f"{service}.address"
        with locked(self.folder / f"{service}.lock"):
            if not address.exists():
                address.write_text(start())
            return address.read_text()

    def supervise(
        self, service: str, command: Sequence[str], *, stop: Signals = SIGTERM, user: str = ""
    ) -> "Started":
        """Start `command` under a supervisor that stops it when the run's controller is gone."""
        log = self.folder / f"{service}.log"
        alive = self.folder / f"{service}.alive"
        alive.touch()
        with log.open("wb") as output:
            supervisor = subprocess.Popen(
                [
                    *(sys.executable, str(_SUPERVISOR)),
                    *(str(self.controller_lock), str(alive), str(int(stop)), user),
                    *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops this in order
            )
        return Started(service, supervisor, log)

    def new_folder(self, service: str) -> Path:
        """Make a folder for one start of `service`; it goes with the run."""
        return Path(tempfile.mkdtemp(prefix=f"{service}-", dir=self.folder))

    @property
    def controller_lock(self) -> Path:
        return self.folder / "controller.lock"


@dataclass(frozen=True, slots=True)
class Started:
    """A server on its way up."""

    service: str
    supervisor: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, ready: Callable[[], object]) -> None:
        """Return once `ready()`; raise RuntimeError with the end of its log if that never comes."""
        deadline = time.monotonic() + START_WITHIN_S
        while not ready():
            if self.supervisor.poll() is not None or time.monotonic() > deadline:
                self.supervisor.terminate()
                end = self.log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"start {self.service}: not ready, its log ends:\n{end}")
            time.sleep(0.05)


class Controller:
    """Open and close a run; to be held by the process that lives as long as the run does."""

    def __init__(self) -> None:
        _clear_what_killed_runs_left()
        # In the system's folder for temporary things, open to all: PostgreSQL refuses to run as
        # root and so runs as somebody who may not look into root's folders.
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        folder.chmod(0o755)
        self.run = Run(folder)
        self._lock: IO[bytes] = self.run.controller_lock.open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Stop what was started in this run, wait until it is gone, and clear the folder."""
        self._lock.close()
        deadline = time.monotonic() + STOP_WITHIN_S
        for alive in self.run.folder.glob("*.alive"):
            _wait_for_end_of(alive, deadline)
        shutil.rmtree(self.run.folder, ignore_errors=True)


def _clear_what_killed_runs_left() -> None:
    """Remove the folders of runs whose controller is gone; young ones may still be stopping."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/controller.lock"):
        try:
            with lock.open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - lock.stat().st_mtime > _STOPPED_BY_THEN_S:
                    shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:  # a run that lives, or another user's
            continue


def _wait_for_end_of(alive: Path, deadline: float) -> None:
    """Wait until nobody holds `alive`; past the deadline kill the process it names."""
    with alive.open("rb") as held:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
            else:
                return
        os.kill(int(held.read()), 9)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's lock, waiting for whoever has it."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """Return a loopback port that was free a moment ago, for servers that cannot choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
