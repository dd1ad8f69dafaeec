"""Turns recorded exchanges into calls to a pretend cloud, and tells where the answers differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bot.sandbox.cloud import create_app
from bot.sandbox.cloud.build import Builder, KeyPair
from bot.sandbox.cloud.commands.table import COMMANDS
from bot.sandbox.cloud.defaults import add_default_settings
from bot.sandbox.cloud.latencies import Latencies
from bot.sandbox.cloud.model import Machine, Role, Rule, ServiceOffering, Template, Tier
from bot.sandbox.cloud.seed import ADMIN, DOMAIN_ADMIN
from bot.sandbox.cloud.world import World
from tests.sandbox.cloud_caller import Clock, signed

WIRE = Path(__file__).parent / "wire"
WRONG = {  # what the notes of api-frame say was wrong with a request
    "known command, no credentials": {"apikey": "", "signature": ""},
    "unknown command, no credentials": {"apikey": "", "signature": ""},
    "bad signature": {"signature": "d3Jvbmc="},
    "missing signature": {"signature": ""},
    "unknown api key": {"apikey": "nobody"},
}
USER = KeyPair("lab-user-key", "lab-user-secret")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000")
OFFERINGS = {
    "d3fce608-36ec-483c-bf2e-76ae193c7bbc": "System Offering For Internal LB VM",
    "9eff43b5-7eec-4714-bcdc-e0726caf3e60": "ILB big",
    "1990e700-1959-412d-b35c-7a76c63c8eb0": "VR big",
    "88d64acc-962a-4c39-a750-f0a31450be76": "Small Instance",
}
LATENCIES = Latencies(ping_interval_s=10.0)

# Values that another machine, another day or another hypervisor makes different. Their presence
# and their type are still compared.
VARYING = {
    "templatetype": "the user template of the lab was built in",
    "templateformat": "KVM's format",
    "format": "KVM's format",
    "size": "another template",
    "physicalsize": "another template",
    "ostypename": "another guest",
    "osdisplayname": "another guest",
    "gateway": "which range",
    "scriptsversion": "set by hand in the recording",
    "publicip": "which range",
    "publicmacaddress": "assigned",
    "gputotal": "the sandbox's hosts have no GPUs",
    "networkkbsread": "measured",
    "networkkbswrite": "measured",
    "displaytext": "names of the lab",
    "networkofferingdisplaytext": "names of the lab",
    "maxconnections": "a tuned offering",
    "hypervisor": "the sandbox pretends KVM, the recording ran the simulator",
    "hostname": "which host",
    "podname": "which pod",
    "name": "names of machines carry running numbers; others are compared by the lab itself",
    "count": "a lab holds only what the replayed commands touch",
    "linklocalip": "new at every start",
    "linklocalmacaddress": "new at every start",
    "guestmacaddress": "assigned",
    "macaddress": "assigned",
    "ipaddress": "assigned",
    "sourceipaddress": "assigned where the request names none",
    "guestipaddress": "assigned where the request names none",
    "isolationuri": "which VLAN",
    "broadcasturi": "which VLAN",
    "vlan": "which VLAN",
    "description": "carries database ids",
    "instancename": "names of machines carry running numbers",
    "resourcename": "names of machines carry running numbers",
}


@dataclass(frozen=True)
class Exchange:
    """One recorded call: what was sent, what came back."""

    index: int
    raw: dict[str, Any]

    @property
    def command(self) -> str:
        return str(self.raw["command"])

    @property
    def params(self) -> dict[str, str]:
        return dict(self.raw["params"])

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = self.raw.get("body") or {}
        return found

    @property
    def is_replayable(self) -> bool:
        """Leave out watches, cut lists, and commands that the sandbox does not know."""
        return (
            self.command in COMMANDS
            and "trimmed" not in self.raw
            and self.raw["method"] in ("GET", "POST")
        )

    @property
    def is_final_poll(self) -> bool:
        return self.command == "queryAsyncJobResult" and self._job_status in (1, 2)

    @property
    def is_pending_poll(self) -> bool:
        return self.command == "queryAsyncJobResult" and self._job_status == 0

    @property
    def _job_status(self) -> int | None:
        status: int | None = self.body.get("queryasyncjobresultresponse", {}).get("jobstatus")
        return status

    def __str__(self) -> str:
        return f"#{self.index} {self.command} ({self.raw.get('note')})"


def exchanges(name: str) -> list[Exchange]:
    rows = json.loads((WIRE / f"{name}.json").read_text())["exchanges"]
    return [Exchange(index, row) for index, row in enumerate(rows)]


@dataclass
class Lab:
    """A world like the recorded one, and which recorded id is which of its ids."""

    world: World
    clock: Clock
    http: httpx.AsyncClient
    ids: dict[str, str] = field(default_factory=dict)
    ilb_vms: dict[str, tuple[str, str]] = field(default_factory=dict)  # id: tier, VIP

    async def send(self, exchange: Exchange) -> httpx.Response:
        keys = {"labuser": USER, "labdomadmin": DOMAIN_ADMIN}.get(
            exchange.raw.get("caller") or "", ADMIN
        )
        translated = {
            key: UUID.sub(lambda found: self.ids.get(found[0], found[0]), value)
            for key, value in exchange.params.items()
        }
        plain = {"command": exchange.command, "response": "json", "apikey": keys.api_key}
        sent = signed(plain | translated, keys.secret_key) | WRONG.get(
            exchange.raw.get("note") or "", {}
        )
        if exchange.raw["method"] == "GET":
            return await self.http.get("/client/api", params=sent)
        return await self.http.post("/client/api", data=sent)

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
        wanted = states(exchange.body)
        response = await self.send(exchange)
        for _ in range(12):
            due = self.world.processes.next_due()
            if states(response.json()) == wanted or due is None:
                break
            self.clock.now = max(self.clock.now, due)
            response = await self.send(exchange)
        return response

    def knows(self, exchange: Exchange) -> bool:
        """Tell whether every id in the request was met before, or was meant to be unknown."""
        for recorded, (tier, vip) in self.ilb_vms.items():
            machine = self.world.ilb_vm_at(self.tier(tier), vip)
            if machine is not None:
                self.ids.setdefault(recorded, machine.id)
        used = set(UUID.findall(" ".join(exchange.params.values())))
        return all(one in self.ids or one.startswith("00000000") for one in used)

    def tier(self, name: str) -> Tier:
        return self.world.one(Tier, name)

    def differences(self, expected: Any, actual: Any, path: str = "") -> Iterator[str]:
        """Compare shapes and values, learning which id stands for which on the way."""
        if isinstance(expected, dict) and isinstance(actual, dict):
            yield from self._different_fields(expected, actual, path)
        elif isinstance(expected, list) and isinstance(actual, list):
            if path.endswith((".service", ".capability")):  # sets: their order means nothing
                expected, actual = _sorted(expected, "name"), _sorted(actual, "name")
            elif path.endswith(".internalloadbalancervm"):  # not by age, not by name
                by = "guestipaddress"
                expected, actual = _sorted(expected, by), _sorted(actual, by)
            if bool(expected) != bool(actual):
                yield f"{path}: {len(expected)} recorded, {len(actual)} answered"
            for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
                yield from self.differences(one, other, f"{path}[{index}]")
        elif not self._same_value(path.rsplit(".", 1)[-1], expected, actual):
            yield f"{path}: {expected!r} recorded, {actual!r} answered"

    def _different_fields(
        self, expected: dict[str, Any], actual: dict[str, Any], path: str
    ) -> Iterator[str]:
        if missing := sorted(set(expected) - set(actual)):
            yield f"{path}: missing {missing}"
        if extra := sorted(set(actual) - set(expected)):
            yield f"{path}: extra {extra}"
        for key in expected.keys() & actual.keys():
            yield from self.differences(expected[key], actual[key], f"{path}.{key}")

    def _same_value(self, key: str, expected: Any, actual: Any) -> bool:
        if type(expected) is not type(actual):
            return False
        if not isinstance(expected, str):
            return key in VARYING or bool(expected == actual)
        if UUID.fullmatch(expected):
            self.ids.setdefault(expected, actual)
            return bool(UUID.fullmatch(actual))
        if DATE.fullmatch(expected):
            return bool(DATE.fullmatch(actual))
        return key in VARYING or stable(expected) == stable(actual)


def _sorted(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row.get(key)))


def states(body: dict[str, Any]) -> list[str]:
    rows = body.get("listinternallbvmsresponse", {}).get("internalloadbalancervm", [])
    return sorted(row["state"] for row in rows)


def stable(text: str) -> str:
    """Take ids, numbers of records and JSON of database objects out of a text."""
    text = re.sub(r"\{.*\}", "{…}", text)
    text = UUID.sub("<id>", text)
    return re.sub(r"(\bDataCenter:|\bid[ =:]+)\d+", r"\1n", text, flags=re.IGNORECASE)


def new_lab() -> Lab:
    """Build the recorded lab: one zone, vpc1 with three tiers, rvpc with one, and their VMs."""
    clock = Clock()
    world = World(clock, LATENCIES)
    build = Builder(world, world.at - 3600.0)
    build.zone("Sandbox-simulator", dns="10.147.28.6", domain="cs2cloud.internal")
    build.account("system", Role.ROOT_ADMIN)
    build.account("admin", Role.ROOT_ADMIN, ADMIN)
    build.account("labuser", Role.USER, USER, domain="ROOT/lab")
    build.account("labdomadmin", Role.DOMAIN_ADMIN, DOMAIN_ADMIN, domain="ROOT/lab")
    pod = build.pod("POD0")
    for number in range(4):
        build.host(f"SimulatedAgent.{number}", pod)
    template = build.template("SystemVM Template (simulator)", "4.10.0")
    build.template("CentOS 5.6 (64-bit) no GUI (Simulator)", "5.6", system=False)
    build.offering("System Offering For Internal LB VM", (1, 256, 512), "internalloadbalancervm")
    build.offering("ILB big", (2, 500, 1024), "internalloadbalancervm")
    build.offering("System Offering For Software Router", (1, 500, 512), "domainrouter")
    build.offering("VR big", (2, 500, 512), "domainrouter")
    build.offering("Small Instance", (1, 500, 512))
    with_lb = build.network_offering("ilb-tier", "InternalLbVm")
    without_lb = build.network_offering("DefaultIsolatedNetworkOfferingForVpcNetworksNoLB", None)
    add_default_settings(world)
    minimum = world.settings["minreq.sysvmtemplate.version"]
    minimum.value = minimum.default = "4.10.0"
    vpc1 = build.vpc("vpc1", "10.10.0.0/16", redundant=True)
    rvpc = build.vpc("rvpc", "10.20.0.0/16", redundant=True)
    tier1 = build.tier(vpc1, "tier1", "10.10.1.0/24", with_lb)
    tier2 = build.tier(vpc1, "tier2", "10.10.2.0/24", with_lb)
    tier3 = build.tier(vpc1, "tier3-nolb", "10.10.3.0/24", without_lb, state="Allocated")
    rtier = build.tier(rvpc, "rtier", "10.20.1.0/24", with_lb)
    router = build.router(tier2, 5, version=template, public="192.168.2.4")
    router.software_version = "4.22.0.0"
    members = {
        "web1": build.member(tier1, "web1", 177),
        "web2": build.member(tier1, "web2", 77),
        "web3": build.member(tier1, "web3", 236),
        "other1": build.member(tier2, "other1", 184),
        "rvpc-vm": build.member(rtier, "rvpc-vm", 67),
    }
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(world)), base_url="http://cloud"
    )
    known: dict[str, Tier | Machine] = {
        "6b502170-7887-478d-a2e7-5e7c37bd96fc": tier1,
        "0876ef31-7969-434a-962b-d24b88240c5a": tier2,
        "5f291c8b-9d04-4317-b850-05c968eb06b6": tier3,
        "4cac7fd5-1fb2-4116-9613-b7cb55833cda": rtier,
        "3d06b387-e806-42fe-b5df-c975dfe5797a": members["web1"],
        "1814593f-fffc-4fbc-aa1d-6e98fc310817": members["web2"],
        "45bd585e-2b2c-4319-9301-f9c78e228f47": members["web3"],
        "e4d2c3a5-2200-47e3-82d6-191e88d975f0": members["other1"],
        "8775ecb2-1193-4772-8e8d-8178e357f3d4": members["rvpc-vm"],
        "f1eaaaf6-7be5-4f08-8fc9-0b9882878b79": router,
    }
    ids = {recorded: thing.id for recorded, thing in known.items()}
    ids |= {recorded: world.one(ServiceOffering, name).id for recorded, name in OFFERINGS.items()}
    ids["ddb575d2-e32b-4edc-96be-1a5c73dd5b79"] = vpc1.id
    return Lab(world, clock, http, ids)


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
    lab.ids |= {recorded["rule"]: rule.id, recorded["vm"]: vm.id}
    return rule, vm
