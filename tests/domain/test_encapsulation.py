"""What an isolation method costs each packet is known for three of them, and not guessed else."""

from __future__ import annotations

import pytest

from bot.domain.encapsulation import Overhead, overhead


@pytest.mark.parametrize(
    ("method", "cost", "needed"),
    [("VLAN", Overhead(0, 0), 1500), ("vxlan ", Overhead(50, 50), 1550), ("GRE", None, 1528)],
)
def test_links_need_room_for_the_most_it_may_add(
    method: str, cost: Overhead | None, needed: int
) -> None:
    found = overhead(method)
    assert found is not None
    assert cost in {None, found}
    assert found.needed_by(1500) == needed


def test_a_range_is_told_as_one() -> None:
    assert Overhead(24, 28).words == "24-28 bytes"
    assert Overhead(50, 50).words == "50 bytes"


@pytest.mark.parametrize("method", ["STT", "", "VNS"])
def test_another_method_is_not_guessed(method: str) -> None:
    assert overhead(method) is None
