"""Say for each recorded scenario how its world begins and what happens between its calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.sandbox.cloud.model import (
    LbElement,
    Machine,
    Provider,
    Refusal,
    Rule,
    Template,
    Tier,
)
from tests.contract.sandbox_lab import LATENCIES, Lab
from tests.contract.wire_seed import seeded_lab

Cue = Callable[[Lab], None]


@dataclass(frozen=True)
class Scenario:
    """`cues` are done before the exchange of that number: what no API call did."""

    begin: Callable[[], Lab]
    cues: dict[int, tuple[Cue, ...]] = field(default_factory=dict)


def scenario(name: str) -> Scenario:
    return Scenario(lambda: seeded_lab(name), CUES.get(name, {}))


def refuse(operation: Refusal, times: int = 1) -> Cue:
    return lambda lab: lab.world.refuse_next(operation, times)


def power_off(recorded: str) -> Cue:
    def cut(lab: Lab) -> None:
        lab.world.power_off(lab.ids[recorded])

    return cut


def passes(seconds: float) -> Cue:
    def wait(lab: Lab) -> None:
        lab.clock.now += seconds
        lab.world.advance()

    return wait


def nothing_is_set_up(lab: Lab) -> None:
    for provider in lab.world.all(Provider):
        if provider.name != "ConfigDrive":
            provider.state = "Disabled"
    for element in lab.world.all(LbElement):
        element.enabled = False


def has_no_members(recorded: str) -> Cue:
    def empty(lab: Lab) -> None:
        rule = lab.world.find(Rule, lab.ids[recorded])
        assert rule is not None
        rule.members, rule.state = [], "Add"

    return empty


def rule_is_gone(recorded: str) -> Cue:
    def remove(lab: Lab) -> None:
        rule = lab.world.find(Rule, lab.ids[recorded])
        assert rule is not None
        rule.removed = True

    return remove


def checks_pass(recorded: str) -> Cue:
    def tell(lab: Lab) -> None:
        for check in lab.world.machine(lab.ids[recorded]).checks:
            check.status = "SUCCESS" if check.status == "FAILED" else check.status

    return tell


def check_fails(recorded: str, check: str) -> Cue:
    details = "Missing load balancing for 10.10.1.5:8080. "
    return lambda lab: lab.world.set_check(lab.ids[recorded], check, "FAILED", details)


def role(recorded: str, wanted: str) -> Cue:
    return lambda lab: lab.world.set_role(lab.ids[recorded], wanted)


def network_is(recorded: str, state: str) -> Cue:
    def change(lab: Lab) -> None:
        tier = lab.world.find(Tier, lab.ids[recorded])
        assert tier is not None
        tier.state = state

    return change


def machine_is(recorded: str, state: str) -> Cue:
    def change(lab: Lab) -> None:
        machine = lab.world.machine(lab.ids[recorded])
        machine.state, machine.host, machine.powered_on = state, None, False

    return change


def is_gone(recorded: str) -> Cue:
    def remove(lab: Lab) -> None:
        lab.world.machine(lab.ids[recorded]).removed = True

    return remove


def keeps_version(keeps: bool, *recorded: str) -> Cue:
    """Let guests report their old version at every boot, or the template's; all, or those named."""

    def tell(lab: Lab) -> None:
        for machine in lab.world.all(Machine):
            if not recorded or machine.id in [lab.ids[one] for one in recorded]:
                machine.keeps_version = keeps

    return tell


def template_reports(version: str) -> Cue:
    def change(lab: Lab) -> None:
        for template in lab.world.all(Template):
            template.version = version

    return change


def hosts_are_slow(lab: Lab) -> None:
    lab.world.latencies = replace(lab.world.latencies, stop_s=60.0, assign_s=60.0)


def killed(after_s: float) -> Cue:
    """Kill the server and start it again `after_s` later."""

    def kill(lab: Lab) -> None:
        lab.world.kill_server()
        lab.clock.now += after_s
        lab.world.start_server()

    return kill


WEB = "c697cdf4-5be4-4ea0-a57e-132ed7be5e06"
ILB_VM = "7747a5cc-0516-4562-b5c7-2bd6e7a81633"
FIRST, SECOND = "ac0d7334-ba89-4923-beae-4ba60de31b37", "428c392a-2bad-4433-8719-c7c9d69757d2"
ISO2 = "bf845640-7197-48f3-95d7-1c614f23b80b"
RTIER, IDLE_VM = "4cac7fd5-1fb2-4116-9613-b7cb55833cda", "8775ecb2-1193-4772-8e8d-8178e357f3d4"
HUNG_ILB_VM = "70b3fe63-2313-458c-8c68-67b25455fef8"
LATER_ROUTERS = (
    "d2d030d0-0b58-448b-88e8-3c5bfacd70d1",
    "d417f728-169a-48d5-b4b4-07c264483862",
)

CUES: dict[str, dict[int, tuple[Cue, ...]]] = {
    "api-frame": {28: (rule_is_gone("da98cd76-ed79-4ef9-8d9e-6d2b002ac13f"),)},
    "zone-setup": {0: (nothing_is_set_up,)},
    "ilb-vm-with-router-commands": {0: (has_no_members("63fc9e69-045b-447d-b4a3-e545223eb7a4"),)},
    "job-pending": {0: (has_no_members(WEB),)},
    "job-restart": {
        0: (hosts_are_slow,),
        10: (killed(24.0),),
        14: (passes(10.0),),
        17: (passes(20.0),),
        20: (passes(30.0),),
    },
    "job-queue-and-failures": {
        20: (refuse(Refusal.STOP, 3),),
        40: (refuse(Refusal.RULES),),
        52: (refuse(Refusal.RULES),),
        57: (rule_is_gone("056e89fb-b823-4869-8b87-2400e3f44872"),),
        64: (refuse(Refusal.START),),
        73: (refuse(Refusal.STOP),),
        77: (refuse(Refusal.STOP),),
        87: (refuse(Refusal.START),),
    },
    "health-recreate": {
        0: (*map(is_gone, LATER_ROUTERS), checks_pass(ILB_VM)),
        4: (check_fails(ILB_VM, "haproxy_check.py"), passes(20.0)),
    },
    "router-failover": {
        1: (role(FIRST, "PRIMARY"), role(SECOND, "BACKUP"), passes(31.0)),
        2: (role(FIRST, "BACKUP"), role(SECOND, "PRIMARY")),
        13: (role(SECOND, "FAULT"), passes(31.0)),
        14: (role(FIRST, "PRIMARY"), role(SECOND, "PRIMARY"), passes(31.0)),
    },
    "router-redundant": {
        49: (network_is(ISO2, "Allocated"),),
        53: (network_is(ISO2, "Implemented"),),
    },
    "template-upgrade": {
        0: (keeps_version(True), template_reports("4.22.0")),
        13: (keeps_version(False, ILB_VM),),
        18: (keeps_version(False),),
    },
    "tier-gc-hang": {
        0: (machine_is(IDLE_VM, "Stopped"), machine_is(HUNG_ILB_VM, "Starting")),
        8: (is_gone(HUNG_ILB_VM), network_is(RTIER, "Allocated")),
        29: (passes(LATENCIES.network_gc_s + 10.0),),
    },
    "unexpected-stop": {2: (power_off(ILB_VM), passes(31.0))},
}
