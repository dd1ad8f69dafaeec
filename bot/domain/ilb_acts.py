"""What can be done to an ILB and what cannot, with the reason and the nearest thing that works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from bot.domain.acts import Act, Answer, no, yes
from bot.domain.cloud import Tier, VmState
from bot.domain.plan import in_words
from bot.domain.spec import NAME_TAG
from bot.domain.topology import IlbTarget, Kind

SAFE_ORDER = (
    "Safe order: write its rules down with `export`, delete its internal rules, start a VM in it, "
    "create them again with `provision`."
)
"""How an idle tier that still has internal rules is brought back to life."""

_RECOVER = "`recover` says why it is not, and what brings it back."
_TWIN_INSTEAD = (
    "A second ILB on an address of its own with the same rules and members (a twin), both behind "
    "one DNS name."
)

NEVER: Mapping[Act, Answer] = MappingProxyType({
    answer.act: answer
    for answer in (
        # InternalLoadBalancerVMManagerImpl: one machine per address, isRedundantRouter=false;
        # systemvm ilbvm.sh disables keepalived and conntrackd.
        no(Act.MAKE_PAIR,
           "CloudStack has no redundant ILB VM: there is one per address, and nothing in it can "
           "hand the address over. A redundant VPC pairs its routers and not its ILB VMs.",
           _TWIN_INSTEAD),
        # No SslTermination capability in InternalLoadBalancerElement; CreateApplicationLoadBalancer
        # has no protocol and no certificate.
        no(Act.TERMINATE_TLS,
           "An ILB cannot terminate TLS, in any version of CloudStack: its rules know no "
           "certificate.",
           "Pass TLS through (TCP) and terminate it on the members, or from 4.22 use the public "
           "LB of a router."),
        # CreateApplicationLoadBalancerCmd ignores `protocol`; HAProxyConfigurator and
        # CsLoadBalancer.py know tcp only.
        no(Act.BALANCE_UDP,
           "An ILB balances TCP only: its rules have no protocol, and a wish for UDP is ignored "
           "without an error.",
           "Give clients the members' addresses by DNS, or balance UDP in VMs of your own."),
        # LoadBalancingRulesManagerImpl.validateHealthCheckPolicy: 430; only NetScaler and Tungsten
        # elements have the capability HealthCheckPolicy.
        no(Act.HEALTH_POLICY,
           "An ILB takes no health check policy (CloudStack answers 430): its provider has no "
           "such capability.",
           "It tries a TCP connection to every member by itself; let members close their port "
           "when they are unwell."),
        # NetworkOrchestrator.restartNetwork: since 4.18.2 a tier's live patch reaches routers
        # only; PatchSystemVMCmd takes CPVM and SSVM.
        no(Act.LIVE_PATCH,
           "CloudStack's live patch reaches routers, console proxies and storage VMs, and no ILB "
           "VM.",
           "A roll: stop and start renew its disk."),
        # DiagnosticsServiceImpl: ApiCommandResourceType has no diagnostics for InternalLbVm.
        no(Act.DIAGNOSE,
           "runDiagnostics does not take an ILB VM (it fails inside CloudStack).",
           "Run it from the router of its VPC towards the VIP."),
        # UserVmManagerImpl.upgradeSystemVm: dynamic scaling is refused for a running one.
        no(Act.LIVE_RESIZE,
           "An ILB VM changes its offering only while it is stopped.",
           "A resize with a stop, or a twin that carries the traffic meanwhile."),
        # LoadBalancingRulesManagerImpl.updateLoadBalancerRule: fails on an internal rule, and yet
        # stores and sends the change.
        no(Act.EDIT_RULE,
           "Ports and algorithm of an internal rule cannot be changed: CloudStack reports a "
           "failure and may have changed it all the same.",
           "Hold the address with a second rule, delete the rule, create it anew."),
        # NetworkServiceImpl.canUpgrade, NetworkOfferingServiceCapability lbSchemes.
        no(Act.PUBLIC_LB,
           "A tier has internal or public load balancing, never both, and its offering cannot "
           "be changed from one to the other.",
           "A tier of its own with public LB; one tier of a VPC may have it."),
        # NetworkServiceImpl.restartNetwork (since 4.16.1). Its guard does not see makeredundant,
        # which turns clean-up on after it: both are out here.
        no(Act.CLEAN_RESTART,
           "CloudStack refuses to restart a VPC tier with clean-up.",
           "A restart without clean-up deploys what is missing; a new machine for a running one "
           "comes from a roll."),
        # VirtualNetworkApplianceManagerImpl.upgradeRouterTemplate: no order, takes ILB VMs too.
        no(Act.ZONE_UPGRADE,
           "upgradeRouterTemplate by zone, pod or cluster reboots ILB VMs and both routers of a "
           "pair at once, in no order.",
           "`roll-fleet zone=NAME`: a canary first, then waves that do not fail together."),
    )
})  # fmt: skip
"""What no ILB can have, whatever its state; each comment names CloudStack's class."""


def ilb_answers(target: IlbTarget) -> tuple[Answer, ...]:
    """Answer every act, first what changes with the state of things, then what never works."""
    changing = (
        _roll, _start, _redeploy, _twin, _equalize, _unpair, _split, _resize, _migrate,
    )  # fmt: skip
    return (*(answer(target) for answer in changing), *NEVER.values())


def forbidden(target: IlbTarget, acts: Iterable[Act]) -> Answer | None:
    """Return why the first of these acts cannot be done to an ILB; None where all can."""
    answers = {answer.act: answer for answer in ilb_answers(target)}
    return next((answers[act] for act in acts if not answers[act].can), None)


def _hands_off(target: IlbTarget, act: Act) -> Answer | None:
    return hands_off(target.ilb.tier, target.recreate_checks, act)


def hands_off(tier: Tier, recreate_checks: str, act: Act) -> Answer | None:
    """Whatever would be done: where starting anything can hang, or CloudStack acts by itself."""
    if not tier.is_implemented:
        # NetworkOrchestrator.implementNetwork, entered again by the start of its own ILB VM.
        return no(
            act,
            f"Tier {tier.name} is {tier.state}, not Implemented: starting anything in an idle "
            "tier that has internal rules can hang it for good.",
            SAFE_ORDER,
        )
    if recreate_checks:
        # VirtualNetworkApplianceManagerImpl: a failing check of an ILB VM counts as the VPC's.
        return no(
            act,
            "CloudStack is set to replace the routers of this VPC by itself when a check fails "
            f"({recreate_checks}), so two would repair at once.",
            "Empty router.health.checks.failures.to.recreate.vr for the zone first.",
        )
    return None


def _roll(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.ROLL):
        return answer
    ilb = target.ilb
    if ilb.vm is None or ilb.vm.state is not VmState.RUNNING:
        return no(Act.ROLL, f"It is {ilb.state}, and only a running one is rolled.", _RECOVER)
    if half_done := [rule.name for rule in ilb.rules if rule.is_half_done]:
        return no(
            Act.ROLL,
            f"Rules on it are half done: {in_words(half_done)}.",
            "Remove and assign the member again, or delete the rule again.",
        )
    return yes(
        Act.ROLL, f"Its disk is renewed where its template is a newer one; {_meanwhile(target)}."
    )


def _meanwhile(target: IlbTarget) -> str:
    if target.twin:
        return f"its twin {target.twin} serves while one of the two does not"
    names = {value for rule in target.ilb.rules for key, value in rule.tags if key == NAME_TAG}
    if names:
        return (
            f"a temporary twin serves {in_words(sorted(names))} meanwhile, where that can be moved"
        )
    return f"{target.ilb.vip} is not served meanwhile"


def _start(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.START):
        return answer
    vm = target.ilb.vm
    if vm is None:
        return no(Act.START, "There is no machine to start.", _RECOVER)
    if vm.state in {VmState.STOPPED, VmState.STOPPING}:
        return yes(Act.START, "CloudStack then sends all rules of its address again.")
    if vm.state is VmState.RUNNING:
        return no(Act.START, "It is Running.")
    if vm.state.is_moving:
        return no(Act.START, f"It is {vm.state}: CloudStack is at work on it.", "Wait.")
    return no(Act.START, f"It is {vm.state}, which a start does not repair.", "Look in CloudStack.")


def _redeploy(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.REDEPLOY):
        return answer
    ilb = target.ilb
    if ilb.vm is not None:
        return no(
            Act.REDEPLOY,
            "It exists: a restart of its tier leaves it as it is. Only destroying it first gets "
            "another one, with a new name and id and the default offering.",
            "A roll keeps name, id and offering.",
        )
    if not any(rule.is_active for rule in ilb.rules):
        return no(
            Act.REDEPLOY,
            "CloudStack deploys a machine only for an address with an Active rule with a member.",
            "Assign a member: the machine comes with the first one.",
        )
    return yes(
        Act.REDEPLOY,
        "A restart of its tier without clean-up deploys it, with a new name and id and the "
        "default offering.",
    )


def _twin(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.TWIN):
        return answer
    if target.kind is Kind.ILB_TWIN:
        return no(Act.TWIN, f"It is one already: its twin is {target.twin}.")
    if not target.ilb.rules:
        return no(
            Act.TWIN,
            "No rule is visible on it: what it carries is unknown, so nothing can be doubled.",
            "Show its hidden rules (fordisplay) first.",
        )
    host = " With one host only, the loss of that host is not survived."
    return yes(
        Act.TWIN,
        "A second ILB on an address of its own, with the same rules and members."
        + (host if target.spare_hosts == 0 else ""),
    )


def _equalize(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.EQUALIZE):
        return answer
    if target.kind is not Kind.ILB_TWIN:
        return no(Act.EQUALIZE, "It has no twin.", _TWIN_INSTEAD)
    if not target.ilb.rules or target.ilb.vm is None:
        return no(Act.EQUALIZE, f"It is {target.ilb.state}: there is nothing to copy.", _RECOVER)
    return yes(Act.EQUALIZE, f"Its twin {target.twin} gets the rules and members that it has.")


def _unpair(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.UNPAIR):
        return answer
    if target.kind is not Kind.ILB_TWIN:
        return no(Act.UNPAIR, "It has no twin.")
    return yes(
        Act.UNPAIR,
        f"Twin {target.twin} is withdrawn from the name; its rules go, and with the last its VM.",
    )


def _split(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.SPLIT):
        return answer
    ilb = target.ilb
    if target.twin:
        return no(
            Act.SPLIT,
            f"It is one of twins (the other is {target.twin}), and a split leaves them unequal.",
            "`unpair`, `split`, then `pair` what needs a twin.",
        )
    if ilb.vm is None or ilb.vm.state is not VmState.RUNNING:
        return no(Act.SPLIT, f"It is {ilb.state}, and only a running one is split.", _RECOVER)
    ports = [str(rule.source_port) for rule in ilb.rules]
    names = {value for rule in ilb.rules for key, value in rule.tags if key == NAME_TAG}
    if len(ports) < 2:
        carried = f"port {ports[0]}" if ports else "no visible rule"
        return no(Act.SPLIT, f"It carries {carried}: there is nothing to divide.", _TWIN_INSTEAD)
    if not names:
        return no(
            Act.SPLIT,
            f"Clients of ports {in_words(ports)} have the bare address {ilb.vip}: no service on "
            "it has a name that could be led to another address.",
            "Introduce a name first: `provision` with an `fqdn:` for the service, published as "
            f"{ilb.vip}; split once its clients use it. Until then, more CPU for the whole ILB.",
        )
    return yes(
        Act.SPLIT,
        f"What {in_words(sorted(names))} {'lead' if len(names) > 1 else 'leads'} to can move to "
        "ILBs on addresses of their own, one service after the other; at least one stays.",
    )


def _resize(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.RESIZE):
        return answer
    vm = target.ilb.vm
    if vm is None or vm.state is not VmState.RUNNING:
        return no(Act.RESIZE, f"It is {target.ilb.state}, and a running one is resized.", _RECOVER)
    # VirtualNetworkApplianceManagerImpl.upgradeRouter: Stopped only.
    return yes(
        Act.RESIZE,
        f"Stop, change the offering, start; {_meanwhile(target)}. The change is lost when the "
        "machine is deployed again.",
    )


def _migrate(target: IlbTarget) -> Answer:
    if answer := _hands_off(target, Act.MIGRATE):
        return answer
    vm = target.ilb.vm
    if vm is None or vm.state is not VmState.RUNNING:
        return no(Act.MIGRATE, f"It is {target.ilb.state}: only a running one moves.", _RECOVER)
    if target.spare_hosts == 0:
        return no(Act.MIGRATE, "No other host of its zone is up and enabled.", "Enable a host.")
    return yes(Act.MIGRATE, "migrateSystemVm to a host that is named, not the one of its twin.")
