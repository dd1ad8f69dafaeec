"""An isolated network outside VPCs for the house: the demo's company has none."""

from __future__ import annotations

from bot.sandbox.cloud.build import Builder
from bot.sandbox.cloud.model import Template, Tier
from tests.workflows.harness import House


def isolated_network(home: House, *, pair: bool = False) -> Tier:
    """Build the network `office` with one VM and its router, or with a pair of routers."""
    build = Builder(home.cloud, home.cloud.at - 90 * 86_400.0)
    build.state.start_numbers("machine", 60)
    offering = build.network_offering("isolated", None, for_vpc=False, redundant=pair)
    network = build.tier(None, "office", "10.90.1.0/24", offering)
    network.redundant = pair
    version = next(one for one in home.cloud.all(Template) if one.version == "4.22.0")
    for last, role in ((2, "PRIMARY"), (3, "BACKUP")) if pair else ((2, "UNKNOWN"),):
        build.router(network, last, version=version, role=role, public="192.0.2.77")
    build.member(network, "office-1", 21)
    return network
