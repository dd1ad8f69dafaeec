"""Turn what a test asks for into its marks, and give all workers of a run the same servers."""

import gc
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.workermanage import WorkerController

from tests.services.missing import IN_CI
from tests.services.run import Controller, Run

pytest_plugins = [
    "tests.services.broker",
    "tests.services.browser",
    "tests.services.database",
    "tests.services.nameserver",
    "tests.services.reporting",
]

# Asking for a server is what makes a test slow, so nobody has to remember the mark.
_MARK_OF_FIXTURE = {
    "kafka": "kafka",
    "postgres_server": "postgres",
    "named": "dns",
    "chromium": "browser",
}

_CONTROLLER = pytest.StashKey[Controller]()

# No deadline: two shared cores make a slow example a busy neighbour, not a bug.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("quick", deadline=None, max_examples=15)  # for `make check`
settings.load_profile("ci" if IN_CI else "here")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[_CONTROLLER] = Controller()


def pytest_collection_finish() -> None:
    # 400,000 objects of imported modules and collected tests, which no full collection of garbage
    # need walk over again: 3 % of a sweep's CPU time.
    gc.collect()
    gc.freeze()


def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["ilbot_run"] = str(node.config.stash[_CONTROLLER].run.folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if controller := config.stash.get(_CONTROLLER, None):
        controller.close()


@pytest.fixture(scope="session")
def ilbot_run(pytestconfig: pytest.Config) -> Run:
    """What this run's workers share: start servers through it, and they go when the run does."""
    if hasattr(pytestconfig, "workerinput"):
        return Run(Path(pytestconfig.workerinput["ilbot_run"]))
    return pytestconfig.stash[_CONTROLLER].run


@pytest.hookimpl(tryfirst=True)  # before -m selects by mark, and before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if mark := _MARK_OF_FIXTURE.get(fixture):
                item.add_marker(mark)
        if item.get_closest_marker("serial") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("serial"))
