"""The scenarios of migrate: an ILB VM, and the lone router of a VPC."""

from __future__ import annotations

from bot.sandbox.cloud.model import Kind, Machine
from tests.workflows.harness import House
from tests.workflows.paired import VM
from tests.workflows.sweep import Scenario

HERE, THERE = "kvm-b2", "kvm-b1"
"""Where the ILB VM runs, and the only other host of its cluster."""


def runs_on(machine: Machine) -> str:
    """Return the name of the host that a machine runs on, `""` where it does not run."""
    return machine.host.name if machine.state == "Running" and machine.host else ""


def lone_router(home: House) -> Machine:
    """Return the router of the VPC that has one."""
    found = home.cloud.machines(Kind.ROUTER)
    [router] = [one for one in found if one.tier.vpc and one.tier.vpc.name == "shop-stage"]
    return router


def _nothing(home: House) -> None:
    """The demo's cloud as it is."""


MIGRATE = Scenario(
    "migrate", "migrate", VM, _nothing,
    lambda home: runs_on(home.vm(VM)) == THERE,
    lambda home: runs_on(home.vm(VM)) == HERE,
)  # fmt: skip
MIGRATE_ROUTER = Scenario(
    "migrate a router", "migrate", "shop-stage", _nothing,
    lambda home: runs_on(lone_router(home)) == "kvm-a2",
    lambda home: runs_on(lone_router(home)) == "kvm-a1",
)  # fmt: skip
