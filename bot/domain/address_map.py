"""Where a VIP is reached from a place that does not route to it: behind NAT, or in the demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network


@dataclass(frozen=True, slots=True)
class AddressMap:
    """Prefixes with what stands in their place, of equal length, and what is added to ports.

    The longest prefix that holds an address wins; what none holds stays as it is.
    """

    prefixes: tuple[tuple[IPv4Network, IPv4Network], ...] = ()
    port_offset: int = 0

    @classmethod
    def of(cls, prefixes: Mapping[str, str], port_offset: int = 0) -> AddressMap:
        """Read prefixes as people write them; `ValueError` says what is wrong with one."""
        pairs = tuple(_pair(*pair) for pair in prefixes.items())
        return cls(tuple(sorted(pairs, key=lambda pair: -pair[0].prefixlen)), port_offset)

    def reach(self, vip: str, port: int) -> tuple[str, int]:
        """Return what is connected to for a VIP and port."""
        address = IPv4Address(vip)
        for theirs, ours in self.prefixes:
            if address in theirs:
                offset = int(address) - int(theirs.network_address)
                address = IPv4Address(int(ours.network_address) + offset)
                break
        return str(address), port + self.port_offset


def _pair(theirs: str, ours: str) -> tuple[IPv4Network, IPv4Network]:
    try:
        pair = IPv4Network(theirs), IPv4Network(ours)
    except ValueError as exc:
        raise ValueError(
            f'expected prefixes, as in "10.20.0.0/16" = "127.77.0.0/16": {exc}'
        ) from exc
    if pair[0].prefixlen != pair[1].prefixlen:
        raise ValueError(f"expected prefixes of equal length, and {theirs} and {ours} are not")
    return pair
