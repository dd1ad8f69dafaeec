"""The scenarios of `resize` that are swept: beside a twin, as twins, in the open, and routers."""

from __future__ import annotations

from tests.workflows.harness import House
from tests.workflows.paired import (
    TWIN,
    VIP,
    VM,
    has_one_primary,
    is_paired,
    is_served,
    is_single,
    leads_to_what_answers,
    paired,
    routers_of,
)
from tests.workflows.sweep import Scenario

ILB_LARGE, ROUTER_LARGE = "ILB large", "Router large"


def _as_it_is(home: House) -> None:
    """The demo's cloud."""


def _is_large(home: House, *vips: str) -> bool:
    tier = home.tier("app-tier")
    machines = [home.cloud.ilb_vm_at(tier, vip) for vip in vips]
    return all(one is not None and one.offering.name == ILB_LARGE for one in machines)


def _runs(home: House) -> bool:
    return is_served(home, "app-tier", VIP)


def _routers_are_large(home: House) -> bool:
    large = {one.offering.name for one in routers_of(home, "shop-prod")} == {ROUTER_LARGE}
    return large and has_one_primary(home)


_TO_LARGE = (("offering", ILB_LARGE),)
RESIZE_BESIDE = Scenario(
    "resize beside a twin", "resize", VM, _as_it_is,
    lambda home: is_single(home) and _is_large(home, VIP), leads_to_what_answers, _TO_LARGE,
    watched=True,
)  # fmt: skip
RESIZE_TWINS = Scenario(
    "resize twins", "resize", VM, paired,
    lambda home: is_paired(home) and _is_large(home, VIP, TWIN), leads_to_what_answers, _TO_LARGE,
    watched=True,
)  # fmt: skip
RESIZE_OUTAGE = Scenario(
    "resize without a name", "resize", VM, _as_it_is,
    lambda home: _runs(home) and _is_large(home, VIP), _runs, _TO_LARGE,
)  # fmt: skip
RESIZE_ROUTERS = Scenario(
    "resize a pair of routers", "resize", "shop-prod", _as_it_is, _routers_are_large,
    has_one_primary, (("offering", ROUTER_LARGE),),
)  # fmt: skip
ALIKE = (RESIZE_BESIDE, RESIZE_TWINS, RESIZE_ROUTERS)
"""Those that are a roll but for one verb, which the one in the open is swept for in full."""
RESIZES = (RESIZE_BESIDE, RESIZE_TWINS, RESIZE_OUTAGE, RESIZE_ROUTERS)
