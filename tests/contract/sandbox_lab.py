"""A world like the recorded one at the start of a scenario, and calls to it with mapped ids."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from bot.sandbox.cloud import create_app
from bot.sandbox.cloud.build import Builder, KeyPair
from bot.sandbox.cloud.defaults import add_default_settings
from bot.sandbox.cloud.latencies import Latencies
from bot.sandbox.cloud.model import (
    Host,
    Machine,
    Project,
    Role,
    Rule,
    ServiceOffering,
    Template,
    Tier,
)
from bot.sandbox.cloud.seed import ADMIN, DOMAIN_ADMIN
from bot.sandbox.cloud.state import stable_id
from bot.sandbox.cloud.world import World
from tests.contract.wire_compare import UUID, Comparison, stable
from tests.contract.wire_records import WIRE, Exchange, Row, everything
from tests.sandbox.cloud_caller import Clock, signed

__all__ = ["WEB", "WIRE", "Lab", "add_ilb", "new_lab", "stable"]

WEB = {
    "rule": "c697cdf4-5be4-4ea0-a57e-132ed7be5e06",
    "vm": "7747a5cc-0516-4562-b5c7-2bd6e7a81633",
}
WRONG = {  # what the notes of api-frame say was wrong with a request
    "known command, no credentials": {"apikey": "", "signature": ""},
    "unknown command, no credentials": {"apikey": "", "signature": ""},
    "bad signature": {"signature": "d3Jvbmc="},
    "missing signature": {"signature": ""},
    "unknown api key": {"apikey": "nobody"},
}
LEFT_OUT = {
    "no command parameter at all": ("command",),
    "response=xml (default without response=json), no credentials": (
        "response",
        "apikey",
        "signature",
    ),
    "POST body with parameters partly in the query string: none signed": ("signature",),
}
USER = KeyPair("lab-user-key", "lab-user-secret")
OFFERINGS = {
    "d3fce608-36ec-483c-bf2e-76ae193c7bbc": "System Offering For Internal LB VM",
    "9eff43b5-7eec-4714-bcdc-e0726caf3e60": "ILB big",
    "1990e700-1959-412d-b35c-7a76c63c8eb0": "VR big",
    "88d64acc-962a-4c39-a750-f0a31450be76": "Small Instance",
}
TIERS = {
    "tier1": "6b502170-7887-478d-a2e7-5e7c37bd96fc",
    "tier2": "0876ef31-7969-434a-962b-d24b88240c5a",
    "tier3-nolb": "5f291c8b-9d04-4317-b850-05c968eb06b6",
    "rtier": "4cac7fd5-1fb2-4116-9613-b7cb55833cda",
}
VPCS = {
    "vpc1": "ddb575d2-e32b-4edc-96be-1a5c73dd5b79",
    "rvpc": "78c27fbd-7f30-4e98-8690-43c106c3ee55",
}
MEMBERS = {  # name: recorded id, tier, last part of the address
    "web1": ("3d06b387-e806-42fe-b5df-c975dfe5797a", "tier1", 177),
    "web2": ("1814593f-fffc-4fbc-aa1d-6e98fc310817", "tier1", 77),
    "web3": ("45bd585e-2b2c-4319-9301-f9c78e228f47", "tier1", 236),
    "other1": ("e4d2c3a5-2200-47e3-82d6-191e88d975f0", "tier2", 184),
    "rvpc-vm": ("8775ecb2-1193-4772-8e8d-8178e357f3d4", "rtier", 67),
}
HOSTS = {  # the recorded id of a host is the end of no name: both are given
    row["hostid"]: row["hostname"]
    for kind in ("router", "internalloadbalancervm", "virtualmachine")
    for rows in everything().told[kind].values()
    for row in rows
    if "hostid" in row
}
FIRST_ROUTER = "f1eaaaf6-7be5-4f08-8fc9-0b9882878b79"
BY_NAME = {  # what every CloudStack has: recorded id, and the name that the lab's id is made of
    "4961fe6d-e6b4-11f1-af10-02fc00000001": "acl/default_allow",
    "4961e1b1-e6b4-11f1-af10-02fc00000001": "acl/default_deny",
    "1bee0b55-e7d4-4730-a915-a0c437b4ea39": "vpc-offering/Default VPC offering",
    "ea6b69ba-50f5-4302-86e6-279edae6f5c7": "vpc-offering/Redundant VPC offering",
    "672e81ad-a639-437e-be40-f379cb8c371c": "physical-network",
    "4ba31250-3cd2-487f-9340-4bd4e4ab9263": "provider/InternalLbVm",
    "a0175042-498c-4cc1-a05f-46b9b5c97955": "provider/VirtualRouter",
    "73642a6f-4d13-4f4c-8dc7-0dd4a2f44645": "provider/VpcVirtualRouter",
    "7785412b-7d38-4c82-917e-7e427a30276a": "lb-element/1",
    "ba3dbe00-e687-42ce-8820-c6a4d8167fd8": (
        "service-offering/System Offering For Software Router"
    ),
    "638e85ec-aa5f-4147-8f96-d8971e6838ae": "project/proj1",
    "80aff071-4fc0-4b7b-a687-42c7111042ee": "network-offering/ilb-tier",
    "548c54df-0a03-4035-8222-236320dca336": "network-offering/rvr-isolated",
    "b1e26a35-730d-4781-b27b-0b327df066ed": (
        "network-offering/DefaultIsolatedNetworkOfferingForVpcNetworksNoLB"
    ),
    "542c0b5f-66e0-460c-ae3a-144b4331dec0": (
        "network-offering/DefaultIsolatedNetworkOfferingForVpcNetworks"
    ),
    "9a2cab1f-3df3-4dc7-b4eb-b632104286f9": (
        "network-offering/DefaultIsolatedNetworkOfferingWithSourceNatService"
    ),
    "5d9c4ac6-e6b4-11f1-af10-02fc00000001": ("template/CentOS 5.6 (64-bit) no GUI (Simulator)"),
    "5d9c373a-e6b4-11f1-af10-02fc00000001": "template/SystemVM Template (simulator)",
    "3aee3e4b-a75a-4bcd-b80f-2a919fcb4d75": "pod/POD0",
}
PROJECT = Project(stable_id("project/proj1"), "proj1")
ZONE = "6f815778-ecaa-4b75-8a7c-c66850a0571f"
LATENCIES = Latencies(ping_interval_s=10.0)


@dataclass
class Lab:
    """A world like the recorded one, and which recorded id is which of its ids."""

    world: World
    clock: Clock
    http: httpx.AsyncClient
    known: Comparison = field(default_factory=Comparison)

    @property
    def ids(self) -> dict[str, str]:
        return self.known.ids

    async def send(self, exchange: Exchange) -> httpx.Response:
        keys = {"labuser": USER, "labdomadmin": DOMAIN_ADMIN}.get(
            exchange.raw.get("caller") or "", ADMIN
        )
        translated = {key: self._own(value) for key, value in exchange.params.items()}
        plain = {"command": exchange.command, "response": "json", "apikey": keys.api_key}
        sent = signed(plain | translated, keys.secret_key) | WRONG.get(exchange.note, {})
        for name in LEFT_OUT.get(exchange.note, ()):
            del sent[name]
        if exchange.raw["method"] == "POST":
            return await self.http.post("/client/api", data=sent)
        return await self.http.request(exchange.raw["method"], "/client/api", params=sent)

    def _own(self, value: str) -> str:
        if value in self.known.addresses:
            return self.known.addresses[value]
        return UUID.sub(lambda found: self.ids.get(found[0], found[0]), value)

    async def settled(self, exchange: Exchange) -> httpx.Response:
        """Poll until the job has ended, moving the clock from one due moment to the next."""
        while True:
            response = await self.send(exchange)
            [(_, body)] = response.json().items()
            due = self.world.processes.next_due()
            if response.status_code != 200 or body["jobstatus"] != 0 or due is None:
                return response
            self.clock.now = max(self.clock.now, due)

    async def reached(self, exchange: Exchange) -> httpx.Response:
        """Let time come to the machine states that the recording shows, or return the last look."""
        wanted = machine_states(exchange.body)
        response = await self.send(exchange)
        for _ in range(12):
            due = self.world.processes.next_due()
            if machine_states(response.json()) == wanted or due is None:
                break
            self.clock.now = max(self.clock.now, due)
            response = await self.send(exchange)
        return response

    def unknown(self, exchange: Exchange) -> list[str]:
        """Return the recorded ids in a request that nothing here stands for."""
        named = (value for name, value in exchange.params.items() if name != "customid")
        used = UUID.findall(" ".join(named))
        for one in used:
            if one not in self.ids:
                self._meet(one)
        return [one for one in used if one not in self.ids and not one.startswith("00000000")]

    def _meet(self, recorded: str) -> None:
        """Find the ILB VM that a command deployed: it is known by its tier and VIP."""
        row = everything().first("internalloadbalancervm", recorded)
        tier = self.ids.get((row or {}).get("guestnetworkid", ""))
        if row is None or tier is None:
            return
        vip = self.known.addresses.get(row["guestipaddress"]) or str(row["guestipaddress"])
        place = self.world.find(Tier, tier)
        machine = self.world.ilb_vm_at(place, vip) if place else None
        if machine is not None and machine.id not in self.ids.values():
            self.ids[recorded] = machine.id

    def tier(self, name: str) -> Tier:
        return self.world.one(Tier, name)


def machine_states(body: Row) -> list[str]:
    rows = body.get("listinternallbvmsresponse", {}).get("internalloadbalancervm", [])
    rows += body.get("listroutersresponse", {}).get("router", [])
    return sorted(f"{row['state']} {row.get('redundantstate')}" for row in rows)


def new_lab(*, first_router: bool = True) -> Lab:
    """Build the recorded lab: one zone, vpc1 with three tiers, rvpc with one, and their VMs."""
    clock = Clock()
    world = World(clock, LATENCIES)
    build = Builder(world, world.at - 3600.0)
    zone = build.zone("Sandbox-simulator", dns="10.147.28.6", domain="cs2cloud.internal")
    template = _seed_offers(build)
    with_lb = build.network_offering("ilb-tier", "InternalLbVm")
    without_lb = build.network_offering("DefaultIsolatedNetworkOfferingForVpcNetworksNoLB", None)
    without_lb.built_in = True
    build.network_offering("DefaultIsolatedNetworkOfferingForVpcNetworks", "VpcVirtualRouter")
    vpcs = {
        "vpc1": build.vpc("vpc1", "10.10.0.0/16", redundant=True),
        "rvpc": build.vpc("rvpc", "10.20.0.0/16", redundant=True),
    }
    tiers = {
        "tier1": build.tier(vpcs["vpc1"], "tier1", "10.10.1.0/24", with_lb),
        "tier2": build.tier(vpcs["vpc1"], "tier2", "10.10.2.0/24", with_lb),
        "tier3-nolb": build.tier(
            vpcs["vpc1"], "tier3-nolb", "10.10.3.0/24", without_lb, state="Allocated"
        ),
        "rtier": build.tier(vpcs["rvpc"], "rtier", "10.20.1.0/24", with_lb),
    }
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(world)), base_url="http://cloud"
    )
    lab = Lab(world, clock, http)
    if first_router:
        router = build.router(tiers["tier2"], 5, version=template, public="192.168.2.4")
        router.software_version = "4.22.0.0"
        lab.ids[FIRST_ROUTER] = router.id
    for name, (recorded, tier, last) in MEMBERS.items():
        lab.ids[recorded] = build.member(tiers[tier], name, last).id
    lab.known.ids |= {TIERS[name]: tier.id for name, tier in tiers.items()}
    lab.known.ids |= {VPCS[name]: vpc.id for name, vpc in vpcs.items()}
    lab.known.ids |= {old: world.one(ServiceOffering, name).id for old, name in OFFERINGS.items()}
    lab.known.ids |= {old: world.one(Host, name).id for old, name in HOSTS.items()}
    lab.known.ids |= {old: stable_id(name) for old, name in BY_NAME.items()}
    lab.ids[ZONE] = zone.id
    world.projects[PROJECT.id] = PROJECT
    return lab


def _seed_offers(build: Builder) -> Template:
    """Add accounts, hosts, templates, offerings and settings; return the system template."""
    build.account("system", Role.ROOT_ADMIN)
    build.account("admin", Role.ROOT_ADMIN, ADMIN)
    build.account("labuser", Role.USER, USER, domain="ROOT/lab")
    build.account("labdomadmin", Role.DOMAIN_ADMIN, DOMAIN_ADMIN, domain="ROOT/lab")
    pod = build.pod("POD0")
    for name in HOSTS.values():
        build.host(name, pod)
    template = build.template("SystemVM Template (simulator)", "4.10.0")
    build.template("CentOS 5.6 (64-bit) no GUI (Simulator)", "5.6", system=False)
    build.offering("System Offering For Internal LB VM", (1, 256, 512), "internalloadbalancervm")
    build.offering("ILB big", (2, 500, 1024), "internalloadbalancervm")
    build.offering("System Offering For Software Router", (1, 500, 512), "domainrouter")
    build.offering("VR big", (2, 500, 512), "domainrouter")
    build.offering("Small Instance", (1, 500, 512))
    add_default_settings(build.state)
    minimum = build.state.settings["minreq.sysvmtemplate.version"]
    minimum.value = minimum.default = "4.10.0"
    return template


def add_ilb(
    lab: Lab,
    tier: str,
    rule_name: str,
    vip: str,
    recorded: dict[str, str],
    *members: str,
    port: int = 80,
) -> tuple[Rule, Machine]:
    """Add a rule with members and its running ILB VM; `recorded` are their recorded ids."""
    build = Builder(lab.world, lab.world.at - 1800.0)
    place = lab.tier(tier)
    machines = [lab.world.machine(name) for name in members]
    rule = build.rule(place, rule_name, vip, (80, port), machines)
    disk = next(one for one in lab.world.all(Template) if one.system)
    vm = build.ilb_vm(place, vip, disk=disk)
    vm.checks.clear()
    lab.known.ids |= {recorded["rule"]: rule.id, recorded["vm"]: vm.id}
    return rule, vm
