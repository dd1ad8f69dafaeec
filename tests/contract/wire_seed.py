"""Build the lab as the answers of one recorded scenario show it before that scenario changed it."""

from __future__ import annotations

from datetime import datetime
from math import inf
from typing import TypeVar

from bot.sandbox.cloud.build import Builder
from bot.sandbox.cloud.model import HealthCheck, Host, NetworkOffering, Record, Template, Tier, Vpc
from tests.contract.sandbox_lab import PROJECT, Lab, new_lab
from tests.contract.wire_records import Catalogue, Exchange, Row, collect, everything, exchanges

R = TypeVar("R", bound=Record)

# Commands whose products are there from the start: what they make is seeded, not replayed.
SEEDS = ("createVPC", "createNetwork", "deployVirtualMachine")
ISOLATED = {
    "878e9817-3417-4e0f-b11b-2ca3c30f87d2": ("iso1", "383b4ea4-64fd-403e-ab8d-24c88306ccf4"),
    "bf845640-7197-48f3-95d7-1c614f23b80b": ("iso2", "195aa790-afb3-4a5b-9ff2-b6c1a7d4faea"),
}
CAME_WITH_A_SEED = {  # routers of networks that a scenario makes on its way
    "214c173f-6236-49d3-8d27-71eed092b77f",
    "b173ac3e-b437-4675-b607-aad08d840c52",
    "77c85cc3-d275-4b66-873b-88f56633daab",
    "f6b5f59a-0901-4ebf-988d-43ea7e3b699f",
}
PROJECT_VPC = "4cb3e535-f76c-4de5-956a-46f955616078"
PROJECT_TIER = "ae5113d4-6232-4e03-b550-685cc39ece3f"
PROJECT_VM = "aa9796d8-d3c7-40b5-acd2-a830efa66028"


def seeded_lab(name: str) -> Lab:
    rows = exchanges(name)
    lab = new_lab(first_router=False)
    told, began = collect(rows), _began(rows)
    mentioned = " ".join(f"{one.raw['params']} {one.body}" for one in rows)
    made = {
        one.inner["id"]
        for one in rows
        if one.command.startswith("create") and one.command not in SEEDS and "id" in one.inner
    } | {one.params.get("customid", "") for one in rows}
    build = Builder(lab.world, lab.world.at - 1800.0)
    _seed_others(lab, build, mentioned)
    _seed_places(lab, told)
    for recorded, row in _first(everything().told["loadbalancer"]):
        if recorded in mentioned and recorded not in made and row.get("networkid") in lab.ids:
            _seed_rule(lab, build, recorded, told.first("loadbalancer", recorded) or row)
    asked_for = " ".join(str(one.raw["params"]) for one in rows)
    for kind in ("router", "internalloadbalancervm"):
        for recorded in everything().told[kind]:
            row = _told_in_full(kind, recorded, told)
            is_told = recorded in told.told[kind]
            if not is_told and recorded not in asked_for:
                continue
            was_there = not is_told or _created(row) < began or recorded in CAME_WITH_A_SEED
            if was_there and row.get("guestnetworkid") in lab.ids:
                _seed_machine(lab, build, recorded, row, _checks(rows, recorded))
    return lab


def _seed_places(lab: Lab, told: Catalogue) -> None:
    for recorded, row in _first(told.told["vpc"]):
        if recorded in lab.ids and "redundantvpcrouter" in row:
            _own(lab, Vpc, recorded).redundant = row["redundantvpcrouter"]
    for recorded, row in _first(told.told["network"]):
        if recorded in lab.ids and row.get("state") == "Shutdown":
            _own(lab, Tier, recorded).state = row["state"]


def is_seed(exchange: Exchange, lab: Lab) -> bool:
    """Tell whether this created something that is in the lab already."""
    if not exchange.command.startswith("create") and exchange.command not in SEEDS:
        return False
    kinds = ("network", "networkoffering", "serviceoffering")
    made = next((exchange.inner[one] for one in kinds if one in exchange.inner), exchange.inner)
    return made.get("id") in lab.ids


def _seed_others(lab: Lab, build: Builder, mentioned: str) -> None:
    """Add the isolated networks and the project's VPC where a scenario knows of them."""
    redundant = build.network_offering("rvr-isolated", None, for_vpc=False, redundant=True)
    plain = build.network_offering(
        "DefaultIsolatedNetworkOfferingWithSourceNatService", None, for_vpc=False
    )
    for recorded, (name, vm) in ISOLATED.items():
        if recorded in mentioned:
            offering = redundant if name == "iso1" else plain
            tier = build.tier(None, name, "10.1.1.0/24", offering)
            member = build.member(tier, f"{name.removesuffix('1')}-vm", 50)
            lab.known.ids |= {recorded: tier.id, vm: member.id}
    if PROJECT_VPC in mentioned:
        vpc = build.vpc("pvpc", "10.30.0.0/16", project=PROJECT)
        with_lb = lab.world.one(NetworkOffering, "ilb-tier")
        tier = build.tier(vpc, "ptier", "10.30.1.0/24", with_lb)
        member = build.member(tier, "pvm", 31)
        lab.known.ids |= {PROJECT_VPC: vpc.id, PROJECT_TIER: tier.id, PROJECT_VM: member.id}


def _told_in_full(kind: str, recorded: str, told: Catalogue) -> Row:
    """Return what the scenario tells first of a machine, or else any file: lists may be cut."""
    rows = told.told[kind].get(recorded, []) + everything().told[kind][recorded]
    return next((row for row in rows if "guestnetworkid" in row), rows[0])


def _checks(rows: tuple[Exchange, ...], recorded: str) -> list[Row]:
    """Return the health check results that a scenario shows of a machine, if it does."""
    for one in rows:
        asked = one.inner.get("routerhealthchecks", {})
        if asked.get("routerid") == recorded:
            return list(asked["healthchecks"])
    for kind in ("router", "internalloadbalancervm"):
        for row in collect(rows).told[kind].get(recorded, []):
            if "healthcheckresults" in row:
                return list(row["healthcheckresults"])
    return []


def _first(told: dict[str, list[Row]]) -> list[tuple[str, Row]]:
    return [(recorded, rows[0]) for recorded, rows in told.items()]


def _began(rows: tuple[Exchange, ...]) -> float:
    """Return when the first job that this scenario asked for was made."""
    asked = {
        one.inner["jobid"]
        for one in rows
        if "jobid" in one.inner and "cmd" not in one.inner and one.command not in SEEDS
    }
    made = [_created(one.inner) for one in rows if one.inner.get("jobid") in asked]
    return min([one for one in made if one > 0.0], default=inf)


def _created(row: Row) -> float:
    text = row.get("created")
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _own(lab: Lab, kind: type[R], recorded: str) -> R:
    found = lab.world.find(kind, lab.ids[recorded])
    assert found is not None
    return found


def _seed_rule(lab: Lab, build: Builder, recorded: str, row: Row) -> None:
    tier = _own(lab, Tier, row["networkid"])
    [ports] = row["loadbalancerrule"]
    ids = [lab.ids[one["id"]] for one in row["loadbalancerinstance"] if one["id"] in lab.ids]
    members = [lab.world.machine(one) for one in ids]
    pair = (ports["sourceport"], ports["instanceport"])
    rule = build.rule(tier, recorded, row["sourceipaddress"], pair, members, row["algorithm"])
    rule.name = row["name"]  # names may repeat, ids may not
    rule.state, rule.description = ports["state"], row.get("description")
    rule.display = row.get("fordisplay", True)
    lab.ids[recorded] = rule.id


def _seed_machine(lab: Lab, build: Builder, recorded: str, row: Row, checks: list[Row]) -> None:
    tier = _own(lab, Tier, row["guestnetworkid"])
    disk = next(one for one in lab.world.all(Template) if one.system)
    if row["role"] == "INTERNAL_LB_VM":
        machine = build.ilb_vm(tier, row["guestipaddress"], disk=disk, state="Running")
    else:
        last = int(row["guestipaddress"].rsplit(".", 1)[1])
        machine = build.router(tier, last, version=disk, public=row["publicip"])
        machine.redundant = row["isredundantrouter"]
        machine.redundant_state = row["redundantstate"]
        machine.software_version = row.get("softwareversion")
    machine.name, machine.version = row["name"], row["version"]
    machine.checks = [
        HealthCheck(
            name=one["checkname"],
            type=one.get("checktype", "basic"),
            status=one["status"],
            details=one.get("details", ""),
            updated=lab.world.at,
        )
        for one in checks
    ]
    hosts = {one.name: one for one in lab.world.all(Host)}
    machine.host = hosts.get(row.get("hostname", ""), machine.host)
    lab.ids[recorded] = machine.id
