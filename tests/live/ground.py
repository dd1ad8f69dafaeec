"""Builds a VPC with a tier and two VMs on a live CloudStack, and takes all of it away again.

Everything carries the run's id in its name, is written down the moment it exists, and goes in
reverse order, also after a failure. What is left all the same is named.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cs

Json = dict[str, Any]
CIDR = "10.77.0.0/16"
GATEWAY, NETMASK = "10.77.1.1", "255.255.255.0"
VIP, OTHER_VIP = "10.77.1.50", "10.77.1.60"


class NotUsable(Exception):
    """The server cannot be used for this; the text says what is missing and how to get it."""


@dataclass
class Ground:
    """What this run may use: `tier`, two `members`, and what it made, to be taken away again."""

    cloud: cs.CloudStack
    run: str = field(default_factory=lambda: f"ilbot-live-{secrets.token_hex(4)}")
    zone: str = ""
    vpc: str = ""
    tier: str = ""
    members: tuple[str, ...] = ()
    made: list[tuple[str, Callable[[], object]]] = field(default_factory=list)

    def build(self) -> None:
        """Make VPC, tier and VMs; `NotUsable` where the server lacks something."""
        self._look_at_rights()
        self.zone = self._first("listZones", "zone", networktype="Advanced")["id"]
        offering = self._first("listVPCOfferings", "vpcoffering", name="Default VPC offering")
        self.vpc = self._made(
            "createVPC", "deleteVPC", name=self.run, displaytext=self.run, cidr=CIDR,
            zoneid=self.zone, vpcofferingid=offering["id"],
        )  # fmt: skip
        allow = self._first("listNetworkACLLists", "networkacllist", name="default_allow")
        tier = self.cloud.createNetwork(
            name=f"{self.run}-tier", displaytext=self.run, zoneid=self.zone, vpcid=self.vpc,
            networkofferingid=self._offering(), aclid=allow["id"], gateway=GATEWAY,
            netmask=NETMASK,
        )  # fmt: skip
        self.tier = tier["network"]["id"]
        self._remember(f"tier {self.tier}", "deleteNetwork", id=self.tier)
        self.members = tuple(self._vm(number) for number in (1, 2))

    def rule(self, port: int, *, vip: str = VIP, name: str = "", **more: Any) -> str:
        """Make an LB rule on a VIP of the tier and return its id."""
        return self._made(
            "createLoadBalancer", "deleteLoadBalancer",
            name=name or f"{self.run}-{port}", networkid=self.tier, scheme="Internal",
            sourceipaddressnetworkid=self.tier, sourceipaddress=vip, sourceport=port,
            instanceport=more.pop("instanceport", 8080), algorithm="roundrobin", **more,
        )  # fmt: skip

    def assign(self, rule: str, *members: str) -> None:
        """Assign members, all where none is named; the ILB VM comes with the first."""
        chosen = ",".join(members or self.members)
        self.cloud.assignToLoadBalancerRule(id=rule, virtualmachineids=chosen, fetch_result=True)

    def delete(self, rule: str) -> None:
        """Delete a rule before the end."""
        self.cloud.deleteLoadBalancer(id=rule, fetch_result=True)
        self.made = [one for one in self.made if rule not in one[0]]

    def ilb_vms(self, vip: str = VIP) -> list[Json]:
        """Return the ILB VMs with that VIP; there is one or none."""
        return [
            one for one in self.rows("listInternalLoadBalancerVMs", "internalloadbalancervm",
                                     networkid=self.tier)
            if one["guestipaddress"] == vip
        ]  # fmt: skip

    def rows(self, command: str, key: str, **parameters: Any) -> list[Json]:
        """Return what a listing has."""
        answer = getattr(self.cloud, command)(**parameters)
        return list(answer.get(key, ())) if isinstance(answer, dict) else list(answer)

    def clear(self) -> list[str]:
        """Take everything away, newest first; return what could not be."""
        left = []
        while self.made:
            what, remove = self.made.pop()
            try:
                remove()
            except cs.CloudStackException as refusal:
                left.append(f"{what}: {refusal}")
        return left

    def leftovers(self) -> list[str]:
        """Name what still carries the run's id."""
        lists = (
            ("listVPCs", "vpc"), ("listNetworks", "network"),
            ("listVirtualMachines", "virtualmachine"), ("listLoadBalancers", "loadbalancer"),
        )  # fmt: skip
        found = [
            f"{key} {one['name']}"
            for command, key in lists
            for one in self.rows(command, key, listall=True, keyword=self.run)
            if self.run in one["name"] and one.get("state") not in {"Destroyed", "Expunging"}
        ]
        return sorted(found)

    def _vm(self, number: int) -> str:
        template = self._first("listTemplates", "template", templatefilter="featured")
        offering = self._first("listServiceOfferings", "serviceoffering")
        return self._made(
            "deployVirtualMachine", "destroyVirtualMachine", {"expunge": True},
            name=f"{self.run}-{number}", displayname=f"{self.run}-{number}", zoneid=self.zone,
            templateid=template["id"], serviceofferingid=offering["id"], networkids=self.tier,
        )  # fmt: skip

    def _made(
        self, command: str, removal: str, with_: Json | None = None, **parameters: Any
    ) -> str:
        """Make something by a job; it is written down before its job has ended."""
        begun = getattr(self.cloud, command)(fetch_result=False, **parameters)
        made = str(begun["id"])
        self._remember(f"{command} {made}", removal, id=made, **(with_ or {}))
        self.wait(begun["jobid"])
        return made

    def _remember(self, what: str, removal: str, **parameters: Any) -> None:
        call = getattr(self.cloud, removal)
        self.made.append((what, lambda: call(fetch_result=True, **parameters)))

    def wait(self, job: str) -> None:
        """Wait for a job to end; one that failed raises."""
        while (end := self.cloud.queryAsyncJobResult(jobid=job))["jobstatus"] == 0:
            time.sleep(self.cloud.poll_interval)
        if end["jobstatus"] != 1:
            raise cs.CloudStackApiException("Job failure", error=end["jobresult"])

    def _look_at_rights(self) -> None:
        known = {one["name"] for one in self.rows("listApis", "api")}
        needed = {"createVPC", "createNetwork", "deployVirtualMachine", "stopRouter",
                  "listInternalLoadBalancerVMs", "stopInternalLoadBalancerVM"}  # fmt: skip
        if missing := sorted(needed - known):
            raise NotUsable(f"The key may not call {', '.join(missing)}: give one of a root admin.")
        providers = self.rows(
            "listNetworkServiceProviders", "networkserviceprovider", name="InternalLbVm"
        )
        if not any(one["state"] == "Enabled" for one in providers):
            raise NotUsable("Provider InternalLbVm is not enabled on any physical network.")

    def _offering(self) -> str:
        for one in self.rows("listNetworkOfferings", "networkoffering", state="Enabled"):
            for service in one.get("service", ()):
                providers = {provider["name"] for provider in service.get("provider", ())}
                if one.get("forvpc") and service["name"] == "Lb" and "InternalLbVm" in providers:
                    return str(one["id"])
        raise NotUsable("No enabled network offering for VPC tiers has Lb by InternalLbVm.")

    def _first(self, command: str, key: str, **parameters: Any) -> Json:
        found = self.rows(command, key, **parameters)
        if not found:
            said = ", ".join(f"{name}={value}" for name, value in parameters.items())
            raise NotUsable(f"{command} {said} finds nothing; the zone must be set up first.")
        return found[0]


@contextmanager
def ground_on(cloud: cs.CloudStack) -> Iterator[Ground]:
    """Build, hand over, and take away, whatever happens between."""
    ground = Ground(cloud)
    try:
        ground.build()
        yield ground
    finally:
        problems = ground.clear()
        left = ground.leftovers()
        assert not left, f"still there: {left}; {problems}"
