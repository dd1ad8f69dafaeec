"""The live server, from the environment; without one nothing here is collected."""

from __future__ import annotations

import os
from collections.abc import Iterator

import cs
import pytest

from tests.live.ground import Ground, ground_on

URL = os.environ.get("CLOUDSTACK_URL", "")
collect_ignore_glob = [] if URL else ["test_*.py"]


@pytest.fixture(scope="session")
def cloud() -> cs.CloudStack:
    """The PyPI client `cs` on the live server: an opinion on the API other than ours."""
    return cs.CloudStack(
        endpoint=URL,
        key=os.environ["CLOUDSTACK_API_KEY"],
        secret=os.environ["CLOUDSTACK_SECRET_KEY"],
        poll_interval=float(os.environ.get("CLOUDSTACK_POLL_S", "2")),
        job_timeout=1800,
    )


@pytest.fixture(scope="session")
def ground(cloud: cs.CloudStack) -> Iterator[Ground]:
    """A VPC, a tier and two VMs of this run's own, and at the end none of them."""
    with ground_on(cloud) as made:
        yield made
