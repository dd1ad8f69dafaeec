"""Turn "this machine lacks it" into a test that did not run, and says what would let it."""

import os
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI") == "true"


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test for want of `what`; the end of the run names it, and CI=true fails the run."""
    pytest.skip(f"no {what} here; what helps: {remedy}")
