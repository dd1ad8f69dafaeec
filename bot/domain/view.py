"""Everything a planner may look at about one ILB, read at one moment; planners see nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.cloud import CloudEvent, IlbVm, LbRule, Member, Template, Tier, VmState
from bot.domain.health import CheckResult, failing_of_ilb
from bot.domain.plan import Fact, Plan, Target, changes, digest

_RULE_ON = "rule on port "


@dataclass(frozen=True, slots=True)
class View:
    """One ILB (a tier and a VIP), its machine where there is one, and what surrounds it.

    `vm` is None where no ILB VM has the VIP. `events` are those of the machine, newest first;
    `restarts` those of its VPC and tier. `own_outages_s` are measured by earlier operations of
    ours on this target, newest first; `busy_with` names an open operation of ours on it. `checks`
    are its health checks as last collected, read only where a repair is planned.
    """

    read_at: float
    tier: Tier
    vip: str
    vm: IlbVm | None
    tier_vms: tuple[IlbVm, ...]
    tier_rules: tuple[LbRule, ...]
    templates: tuple[Template, ...] = ()
    events: tuple[CloudEvent, ...] = ()
    restarts: tuple[CloudEvent, ...] = ()
    minimum_version: str = ""
    recreate_checks: str = ""
    own_outages_s: tuple[float, ...] = ()
    busy_with: str = ""
    checks: tuple[CheckResult, ...] = ()

    @property
    def rules(self) -> tuple[LbRule, ...]:
        """The visible rules on this VIP, by port."""
        own = (rule for rule in self.tier_rules if rule.vip == self.vip)
        return tuple(sorted(own, key=lambda rule: rule.source_port))

    @property
    def name(self) -> str:
        """What people call it: the machine, or the address where there is none."""
        return self.vm.name if self.vm else f"the ILB at {self.vip}"

    @property
    def target(self) -> Target:
        """This ILB as the target of a plan."""
        return Target(
            kind="ilb-vm" if self.vm else "ilb",
            id=self.vm.id if self.vm else f"{self.tier.id}/{self.vip}",
            name=self.name,
            zone=self.tier.zone_name,
            vpc=self.tier.vpc_name,
            vpc_id=self.tier.vpc_id,
            tier=self.tier.name,
            tier_id=self.tier.id,
        )

    @property
    def state(self) -> str:
        """The machine's state in words, `missing` where there is none."""
        return self.vm.state.value if self.vm else "missing"

    def changes(self, planned: Plan) -> tuple[str, ...]:
        """Say in words which facts of a plan are no longer so."""
        return changes(planned.facts, self.facts())

    @property
    def last_move(self) -> CloudEvent | None:
        """The newest start or stop of the machine that CloudStack recorded."""
        return next((event for event in self.events if is_move(event)), None)

    @property
    def failing_checks(self) -> tuple[CheckResult, ...]:
        """The checks that fail and mean it, collected since the last start of what runs."""
        return failing_of_ilb(self.collected)

    @property
    def collected(self) -> tuple[CheckResult, ...]:
        """The checks that were collected since the last start of what runs."""
        if self.vm is None or self.vm.state is not VmState.RUNNING:
            return ()
        last = self.last_move
        since = last.created if last is not None and last.type in _STARTS else None
        return tuple(check for check in self.checks if check.is_since(since))

    def facts(self) -> tuple[Fact, ...]:
        """What every plan about this ILB relies on, in words that say what changed when it did."""
        vm = self.vm
        return (
            Fact("ILB VM", f"{vm.name} {vm.id}" if vm else "none"),
            Fact("state", self.state),
            Fact("version", vm.version if vm else ""),
            Fact("template", f"{vm.template_name} {vm.template_id}" if vm else ""),
            Fact("offering", f"{vm.offering_name} {vm.offering_id}" if vm else ""),
            Fact("tier state", self.tier.state),
            *(Fact(f"{_RULE_ON}{rule.source_port}", _in_words(rule)) for rule in self.rules),
            Fact("last start or stop", event_in_words(self.last_move)),
            Fact("minimum template version", self.minimum_version),
            Fact("checks that recreate routers", self.recreate_checks),
        )

    def services(self) -> str:
        """Name what the VIP serves, for people: `10.1.1.10 ports 80 and 443`."""
        ports = [str(rule.source_port) for rule in self.rules]
        if not ports:
            return f"{self.vip} (no visible rule)"
        word = "port" if len(ports) == 1 else "ports"
        return f"{self.vip} {word} {', '.join(ports)}"

    def neighbours(self) -> tuple[str, ...]:
        """Name the other ILBs of the tier, which an LB change there would re-send or start.

        By address: the order of CloudStack's lists is no news.
        """
        others = sorted((vm for vm in self.tier_vms if vm.vip != self.vip), key=lambda vm: vm.vip)
        return tuple(f"{vm.name} ({vm.vip}, {vm.state})" for vm in others)


MOVES = frozenset(
    {
        "INTERNALLBVM.START",
        "INTERNALLBVM.STOP",
        "ROUTER.START",
        "ROUTER.STOP",
        "ROUTER.REBOOT",
        "ROUTER.DESTROY",
        "VM.STOP",
        "VM.START",
    }
)
"""Event types (CloudStack `EventTypes`) that start or stop a system VM; an ILB VM also takes
`rebootRouter` and `destroyRouter`."""


_STARTS = frozenset({"INTERNALLBVM.START", "ROUTER.REBOOT", "VM.START"})


def is_move(event: CloudEvent) -> bool:
    """Whether an event starts or stops a machine, and did not fail."""
    return event.type in MOVES and event.level != "ERROR"


def ports_in(planned: Plan) -> tuple[int, ...]:
    """Return the ports of the rules that a plan about an ILB relies on."""
    rules = [one.name for one in planned.facts if one.name.startswith(_RULE_ON)]
    return tuple(int(name.removeprefix(_RULE_ON)) for name in rules)


def _in_words(rule: LbRule) -> str:
    members = (
        ", ".join(f"{one.name} {one.address}" for one in sorted(rule.members, key=_name))
        or "no member"
    )
    return f"{rule.name} to port {rule.member_port}, {rule.algorithm}, {rule.state}: {members}"


def _name(member: Member) -> str:
    return member.name


def event_in_words(event: CloudEvent | None) -> str:
    """Name an event so that another one of the same kind is told from it."""
    if event is None:
        return ""
    return f"{event.type} of {event.created:%Y-%m-%d %H:%M:%S} UTC ({event.id[:8]})"


def rules_digest(rules: tuple[LbRule, ...]) -> str:
    """Return one fingerprint over rules, members and states, whatever their order."""
    return digest(
        sorted(
            [
                rule.id,
                rule.source_port,
                rule.member_port,
                rule.algorithm.lower(),
                rule.state,
                sorted([member.id, member.address] for member in rule.members),
            ]
            for rule in rules
        )
    )[:16]
