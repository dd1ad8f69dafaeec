"""A job is asked for often at first and less often the longer it takes, never much too late."""

from __future__ import annotations

import pytest

from workflows.steps.jobs import LATE, next_poll_s


def polls(job_s: float, poll_s: float = 2.0) -> list[float]:
    """Return the moments at which a job of that length is asked for."""
    at = [0.0]
    while at[-1] < job_s:
        at.append(at[-1] + next_poll_s(at[-1], poll_s))
    return at


@pytest.mark.parametrize("job_s", [0.3, 3.0, 31.0, 100.0, 333.0])
def test_an_end_is_seen_soon(job_s: float) -> None:
    assert polls(job_s)[-1] - job_s <= max(1.0, LATE * job_s)


def test_a_long_job_is_not_asked_for_all_the_time() -> None:
    assert len(polls(3600.0)) < 500
    assert polls(3600.0)[-1] - 3600.0 <= 10.0


def test_a_slower_pace_is_slower_throughout() -> None:
    assert len(polls(300.0, poll_s=10.0)) < len(polls(300.0, poll_s=2.0))
    assert next_poll_s(0.0, 10.0) == 5.0
