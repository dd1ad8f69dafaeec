"""Fill a world with a small company: what the demo shows and most tests begin with.

The management server was upgraded to 4.22 a while ago: every system VM's `templateid` is the
new template, while most ILB VMs still run, and report, version 4.20.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.sandbox.cloud.build import Builder, KeyPair
from bot.sandbox.cloud.commands.ilb_vms import start_action, stop_action
from bot.sandbox.cloud.defaults import add_default_settings
from bot.sandbox.cloud.model import (
    Account,
    Kind,
    Machine,
    NetworkOffering,
    Project,
    Role,
    Template,
    Tier,
)
from bot.sandbox.cloud.records import Action, Stage, record_event
from bot.sandbox.cloud.state import CloudState, stable_id
from bot.sandbox.cloud.world import World

ADMIN = KeyPair("sandbox-admin-key", "sandbox-admin-secret")
READ_ONLY = KeyPair("sandbox-reader-key", "sandbox-reader-secret")
DOMAIN_ADMIN = KeyPair("sandbox-domain-admin-key", "sandbox-domain-admin-secret")

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Basics:
    """What every tier of a seed is made with."""

    old: Template
    new: Template
    internal_lb: NetworkOffering
    no_lb: NetworkOffering


def seed_basics(world: World) -> tuple[Builder, Basics]:
    """Add a zone with two pods, accounts, templates, offerings and settings, but no networks."""
    build = Builder(world, world.at - 60 * DAY_S)
    build.zone("fra-1", dns="10.0.0.53", domain="acme.internal")
    build.account("system", Role.ROOT_ADMIN)
    build.account("admin", Role.ROOT_ADMIN, ADMIN)
    build.account("auditor", Role.READ_ONLY, READ_ONLY)
    build.account("acme-admin", Role.DOMAIN_ADMIN, DOMAIN_ADMIN, domain="ROOT/acme")
    for pod_name in ("pod-a", "pod-b"):
        pod = build.pod(pod_name)
        for number in (1, 2):
            build.host(f"kvm-{pod_name[-1]}{number}", pod)
    build.template("debian-12-x86_64", "12", system=False)
    old = build.template("systemvm-kvm-4.20.0-x86_64", "4.20.0")
    new = build.template("systemvm-kvm-4.22.0-x86_64", "4.22.0")
    build.offering("System Offering For Internal LB VM", (1, 256, 512), "internalloadbalancervm")
    build.offering("ILB large", (2, 1000, 1024), "internalloadbalancervm")
    build.offering("System Offering For Software Router", (1, 500, 512), "domainrouter")
    build.offering("Router large", (2, 1000, 1024), "domainrouter")
    build.offering("Small Instance", (1, 500, 512))
    internal_lb = build.network_offering("tier-with-internal-lb", "InternalLbVm")
    no_lb = build.network_offering("tier-without-lb", None)
    add_default_settings(world)
    world.settings["vpc.max.networks"].value = "10"
    return build, Basics(old, new, internal_lb, no_lb)


def seed_demo(world: World) -> None:
    """Sow the company: two VPCs of the shop, one of a project, and their traps.

    shop-prod has app-tier, web-tier (two ILB VMs on two VIPs), db-tier (already on 4.22.0),
    cache-tier and batch-tier (Allocated, with Active rules: the idle-tier trap). shop-stage has
    qa-tier and another cache-tier. payments belongs to a project.
    """
    world.seeded_by = seed_demo
    build, basics = seed_basics(world)
    _seed_prod(build, basics)
    _seed_stage(build, basics)
    _seed_payments(build, basics)
    _remember_restarts(world)


def _seed_prod(build: Builder, basics: Basics) -> None:
    vpc = build.vpc("shop-prod", "10.20.0.0/16", redundant=True)
    offering = basics.internal_lb
    app = build.tier(vpc, "app-tier", "10.20.1.0/24", offering)
    web = build.tier(vpc, "web-tier", "10.20.2.0/24", offering)
    db = build.tier(vpc, "db-tier", "10.20.3.0/24", offering)
    cache = build.tier(vpc, "cache-tier", "10.20.4.0/24", offering)
    batch = build.tier(vpc, "batch-tier", "10.20.5.0/24", offering, state="Allocated")
    build.state.start_numbers("machine", 4)
    for last, role in ((2, "PRIMARY"), (3, "BACKUP")):
        router = build.router(
            app, last, version=basics.old, role=role, public=f"192.0.2.{last + 8}"
        )
        router.template, router.software_version = basics.new, "4.22.0.0"
    build.state.start_numbers("machine", 10)
    apps = [build.member(app, f"app-{n}", 20 + n) for n in (1, 2, 3)]
    webs = [build.member(web, f"web-{n}", 20 + n) for n in (1, 2, 3)]
    dbs = [build.member(db, f"db-{n}", 20 + n) for n in (1, 2)]
    caches = [build.member(cache, f"cache-{n}", 20 + n) for n in (1, 2)]
    batches = [build.member(batch, f"batch-{n}", 20 + n, running=False) for n in (1, 2)]
    for name, ports, algorithm in (
        ("app-http", (80, 8080), "roundrobin"),
        ("app-grpc", (9090, 9090), "leastconn"),
    ):
        rule = build.rule(app, name, "10.20.1.10", ports, apps, algorithm)
        rule.tags |= {"ilbot.service": "app", "ilbot.name": "app.shop.internal"}
    build.rule(web, "web-admin", "10.20.2.11", (8443, 8443), webs[:2], "source")
    build.rule(web, "web-http", "10.20.2.10", (80, 8080), webs)
    build.rule(web, "web-https", "10.20.2.10", (443, 8443), webs)
    build.rule(db, "db-read", "10.20.3.10", (5432, 5432), dbs, "leastconn")
    build.rule(cache, "cache", "10.20.4.10", (6379, 6379), caches, "source")
    build.rule(batch, "batch-intake", "10.20.5.10", (8000, 8000), batches)
    build.state.start_numbers("machine", 31)
    for tier, vip in ((app, "10.20.1.10"), (web, "10.20.2.10"), (web, "10.20.2.11")):
        build.ilb_vm(tier, vip, disk=basics.old)
    build.ilb_vm(db, "10.20.3.10", disk=basics.new)
    build.ilb_vm(cache, "10.20.4.10", disk=basics.old)


def _seed_stage(build: Builder, basics: Basics) -> None:
    vpc = build.vpc("shop-stage", "10.30.0.0/16")
    qa = build.tier(vpc, "qa-tier", "10.30.1.0/24", basics.internal_lb)
    cache = build.tier(vpc, "cache-tier", "10.30.4.0/24", basics.internal_lb)
    build.tier(vpc, "tools-tier", "10.30.9.0/24", basics.no_lb)
    build.router(qa, 2, version=basics.new, public="192.0.2.20")
    qas = [build.member(qa, f"qa-{n}", 20 + n) for n in (1, 2)]
    caches = [build.member(cache, f"stage-cache-{n}", 20 + n) for n in (1, 2)]
    build.rule(qa, "qa-http", "10.30.1.10", (80, 8080), qas)
    build.rule(cache, "cache", "10.30.4.10", (6379, 6379), caches, "source")
    build.ilb_vm(qa, "10.30.1.10", disk=basics.old)
    build.ilb_vm(cache, "10.30.4.10", disk=basics.old)


def _seed_payments(build: Builder, basics: Basics) -> None:
    project = Project(stable_id("project/payments"), "payments")
    vpc = build.vpc("payments", "10.40.0.0/16", project=project)
    ledger = build.tier(vpc, "ledger-tier", "10.40.1.0/24", basics.internal_lb)
    build.router(ledger, 2, version=basics.new, public="192.0.2.30")
    ledgers = [build.member(ledger, f"ledger-{n}", 20 + n) for n in (1, 2)]
    build.rule(ledger, "ledger", "10.40.1.10", (8443, 8443), ledgers, "leastconn")
    build.ilb_vm(ledger, "10.40.1.10", disk=basics.old)


def _remember_restarts(world: World) -> None:
    """Log that app-tier's and web-tier's ILB VMs were stopped and started lately.

    From these an exposure time can be computed; of the others nothing is known.
    """
    known = (("app-tier", 9.0, (21.0, 38.0)), ("web-tier", 16.0, (18.0, 33.0)))
    for tier_name, days_ago, seconds in known:
        tier = next(one for one in world.all(Tier) if one.name == tier_name)
        machine = next(one for one in world.machines(Kind.ILB) if one.tier is tier)
        log_restart(world, machine, world.at - days_ago * DAY_S, *seconds)


def log_restart(
    world: World, machine: Machine, moment: float, stop_took_s: float, start_took_s: float
) -> None:
    """Log a stop and the start after it as if an administrator had done them at `moment`."""
    began = moment + stop_took_s + 4.0
    for action, first, took_s in (
        (stop_action(machine), moment, stop_took_s),
        (start_action(machine), began, start_took_s),
    ):
        _log(world, action, Stage.SCHEDULED, first, world.admin)
        _log(world, action, Stage.STARTED, first + 1.0, world.admin)
        _log(world, action, Stage.COMPLETED, first + took_s, world.admin)


def _log(world: World, action: Action, stage: Stage, moment: float, account: Account) -> None:
    with _long_ago(world):
        record_event(world, action, stage, account=account).created = moment


@contextmanager
def _long_ago(state: CloudState) -> Iterator[None]:
    """Keep the bus quiet: what is only remembered is not published again."""
    publish, state.publish = state.publish, lambda key, value: None
    try:
        yield
    finally:
        state.publish = publish
