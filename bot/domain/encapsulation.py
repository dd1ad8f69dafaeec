"""Turns how a physical network keeps its guests apart into the bytes that costs each packet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overhead:
    """Bytes that each packet of a guest grows by on the wire, at least and at most."""

    least: int
    most: int

    @property
    def words(self) -> str:
        """Say how many."""
        span = f"{self.least}-{self.most}" if self.least != self.most else f"{self.least}"
        return f"{span} bytes"

    def needed_by(self, guest_mtu: int) -> int:
        """Return the MTU that the hosts' links need, so that guests may use theirs."""
        return guest_mtu + self.most


_BY_METHOD = {
    "VLAN": Overhead(0, 0),  # a tag is no part of the MTU (IEEE 802.1Q)
    "VXLAN": Overhead(50, 50),  # outer Ethernet, IPv4, UDP and VXLAN headers (RFC 7348, 5)
    "GRE": Overhead(24, 28),  # outer IPv4 and GRE, with or without a key (RFC 2784, RFC 2890)
}


def overhead(method: str) -> Overhead | None:
    """Return the cost of an isolation method as CloudStack names it, None for one not known."""
    return _BY_METHOD.get(method.strip().upper())
