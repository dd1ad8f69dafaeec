"""Turn the VIPs of the pretend cloud into loopback addresses that this process has to itself.

A block of up to 65,536 addresses becomes one of 127.N.0.0/16, bit for bit, and a port one that
needs no root, so that a VIP made later has its address by the same rule.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

PORT_OFFSET = 20_000
PREFIXES = range(64, 255)
"""The second octets to choose among: where nobody else's 127.0.0.x and 127.0.1.x are."""
LOCK = (255, 254, 19_999)
"""The last two octets and the port whose binding claims a prefix; the kernel frees it."""


@dataclass(slots=True)
class Loopback:
    """The blocks that are served, with where, and the sockets that keep others away."""

    blocks: dict[IPv4Network, IPv4Network] = field(default_factory=dict)
    port_offset: int = PORT_OFFSET
    _locks: list[socket.socket] = field(default_factory=list)

    @classmethod
    def claim(cls, cidrs: Iterable[str], prefixes: Iterable[int] = PREFIXES) -> Loopback:
        """Choose a free prefix for each block; without blocks where the system has none to bind.

        Linux answers for all of 127.0.0.0/8, macOS for 127.0.0.1 alone. Blocks greater than a
        /16 are left out, and what finds no free prefix.
        """
        mine = cls()
        networks = [one for one in dict.fromkeys(map(IPv4Network, cidrs)) if one.prefixlen >= 16]
        free = iter(prefixes)
        for network in networks:
            prefix = next((one for one in free if mine._lock(one)), None)
            if prefix is None:
                break
            place = int(network.network_address) & 0xFFFF
            base = IPv4Address((127 << 24) | (prefix << 16) | place)
            mine.blocks[network] = IPv4Network((base, network.prefixlen))
        return mine

    def address(self, vip: str, port: int) -> tuple[str, int] | None:
        """Return where a VIP and port is served, None where it is not."""
        wanted, shifted = IPv4Address(vip), port + self.port_offset
        for block, here in self.blocks.items():
            if wanted in block and shifted < 65_536:
                offset = int(wanted) - int(block.network_address)
                return str(here.network_address + offset), shifted
        return None

    def shown(self) -> dict[str, str]:
        """Return the blocks as text."""
        return {str(block): str(here) for block, here in self.blocks.items()}

    def close(self) -> None:
        """Leave the prefixes to others."""
        for lock in self._locks:
            lock.close()
        self._locks.clear()

    def _lock(self, prefix: int) -> bool:
        third, fourth, port = LOCK
        lock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            lock.bind((f"127.{prefix}.{third}.{fourth}", port))
        except OSError as exc:
            lock.close()
            if exc.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                return False
            raise
        self._locks.append(lock)
        return True
