"""Where a VIP is reached: prefixes of equal length, the longest first."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.address_map import AddressMap


def test_a_prefix_is_replaced_and_the_rest_of_the_address_stays() -> None:
    reach = AddressMap.of({"10.20.0.0/16": "127.77.0.0/16"}, port_offset=1000)
    assert reach.reach("10.20.3.10", 80) == ("127.77.3.10", 1080)
    assert reach.reach("10.21.3.10", 80) == ("10.21.3.10", 1080)


def test_the_longest_prefix_wins() -> None:
    reach = AddressMap.of({"10.0.0.0/8": "127.0.0.0/8", "10.20.1.10/32": "192.0.2.7/32"})
    assert reach.reach("10.20.1.10", 80)[0] == "192.0.2.7"
    assert reach.reach("10.20.1.11", 80)[0] == "127.20.1.11"


@given(st.ip_addresses(v=4).map(str))
def test_without_a_map_everything_is_where_it_is(vip: str) -> None:
    assert AddressMap().reach(vip, 80) == (vip, 80)


@given(st.ip_addresses(v=4, network="10.20.0.0/16"), st.ip_addresses(v=4, network="10.20.0.0/16"))
def test_two_vips_never_become_one(one: IPv4Address, other: IPv4Address) -> None:
    reach = AddressMap.of({"10.20.0.0/16": "127.77.0.0/16"})
    assert (reach.reach(str(one), 80) == reach.reach(str(other), 80)) == (one == other)


@pytest.mark.parametrize(
    ("prefixes", "why"),
    [
        ({"10.20.0.0/16": "127.77.0.0/24"}, "prefixes of equal length"),
        ({"10.20.0.1/16": "127.77.0.0/16"}, "has host bits set"),
        ({"ten": "127.77.0.0/16"}, "expected prefixes, as in"),
    ],
)
def test_what_is_no_map_is_told(prefixes: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        AddressMap.of(prefixes)
