"""A plan as a value: at which addresses it works."""

from __future__ import annotations

import pytest

from bot.domain.plan import Exposure, Plan, Target

_AT = Target("ilb-vm", "1", "b-1-VM", "zone", "vpc", "2", "tier", "3")


@pytest.mark.parametrize(
    ("vip", "works"),
    [
        ("10.20.1.10", True),
        ("10.20.1.4", True),
        ("10.20.1.1", False),
        ("0.20.1.4", False),
        ("10.20.1.41", False),
    ],
)
def test_it_works_at_the_whole_addresses_of_its_parameters(vip: str, works: bool) -> None:
    parameters = (("vip", "10.20.1.10"), ("pairing", '{"twin_vip":"10.20.1.4","marks":[]}'))
    exposure = Exposure("nothing", 0.0, "10.20.1.41 serves")
    planned = Plan("pair", _AT, "", (), (), exposure, ("10.20.1.41: not touched",), (), parameters)
    assert planned.works_at(vip) is works
