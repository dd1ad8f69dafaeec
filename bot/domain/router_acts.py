"""What can be done to a router or a pair of routers and what cannot, and what works instead."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.acts import Act, Answer, no, yes
from bot.domain.cloud import VmState
from bot.domain.plan import in_words
from bot.domain.release import Feature, has
from bot.domain.topology import Kind, RouterTarget
from bot.domain.zone import Role


def router_answers(target: RouterTarget) -> tuple[Answer, ...]:
    """Answer every act that could be wished of a router."""
    rolls = (_roll_pair,) if target.is_pair else (_roll,)
    changing = (*rolls, _start, _reboot, _make_pair, _make_single, _resize, _migrate, _live_patch)
    return (*(answer(target) for answer in changing), *_same_for_all(target))


def forbidden(target: RouterTarget, acts: Iterable[Act]) -> Answer | None:
    """Return why the first of these acts cannot be done to routers; None where all can."""
    if not target.routers:
        return no(next(iter(acts)), "There is no router.", "It comes with the first VM there.")
    answers = {answer.act: answer for answer in router_answers(target)}
    return next((answers[act] for act in acts if not answers[act].can), None)


def _hands_off(target: RouterTarget, act: Act) -> Answer | None:
    if not target.recreate_checks:
        return None
    return no(
        act,
        f"CloudStack is set to replace it by itself when a check fails ({target.recreate_checks}), "
        "so two would repair at once.",
        "Empty router.health.checks.failures.to.recreate.vr for the zone first.",
    )


def _roll(target: RouterTarget) -> Answer:
    if answer := _hands_off(target, Act.ROLL):
        return answer
    [router] = target.routers
    if router.state is not VmState.RUNNING:
        return no(Act.ROLL, f"{router.name} is {router.state}.", "Start it first.")
    return yes(Act.ROLL, f"A reboot; {target.owner} is cut off meanwhile. A pair first avoids it.")


def _roll_pair(target: RouterTarget) -> Answer:
    """A pair is rolled only while exactly one is PRIMARY and one BACKUP.

    `restartVPC cleanup=true` has an order of its own and does not wait for the new router's role
    (`VpcManagerImpl.rollingRestartVpc`).
    """
    if answer := _hands_off(target, Act.ROLL_PAIR):
        return answer
    if answer := _roles_disagree(target, Act.ROLL_PAIR):
        return answer
    stands = _stands(target)
    return yes(Act.ROLL_PAIR, f"The standby first, then the hand-over, once: {stands}.")


def _roles_disagree(target: RouterTarget, act: Act) -> Answer | None:
    roles = sorted(one.role for one in target.routers if one.state is VmState.RUNNING)
    if len(target.routers) == 2 and roles == [Role.BACKUP, Role.PRIMARY]:
        return None
    return no(
        act,
        f"It needs one PRIMARY and one BACKUP, both Running: {_stands(target)}.",
        "Find out why they disagree before anything is stopped.",
    )


def _stands(target: RouterTarget) -> str:
    return in_words([f"{one.name} is {one.role} ({one.state})" for one in target.routers])


def _start(target: RouterTarget) -> Answer:
    """CloudStack starts a dead router by itself within seconds (`haEnabled`)."""
    if answer := _hands_off(target, Act.START):
        return answer
    down = [one.name for one in target.routers if one.state in {VmState.STOPPED, VmState.STOPPING}]
    if not down:
        return no(Act.START, "None of it is Stopped.")
    return yes(Act.START, f"{in_words(down)}, unless CloudStack is faster: it starts dead routers.")


def _reboot(target: RouterTarget) -> Answer:
    if answer := _hands_off(target, Act.REBOOT):
        return answer
    if not any(one.state is VmState.RUNNING for one in target.routers):
        return no(Act.REBOOT, "None of it is Running.", "Start it first.")
    if target.is_pair:
        return yes(Act.REBOOT, "A stop and a start of the one that fails; the standby first.")
    return yes(Act.REBOOT, f"A stop and a start; {target.owner} is cut off meanwhile.")


def _make_pair(target: RouterTarget) -> Answer:
    if answer := _hands_off(target, Act.MAKE_PAIR):
        return answer
    if target.is_pair:
        return no(Act.MAKE_PAIR, "It is a pair already.")
    if target.is_of_vpc:
        # VpcManagerImpl.restartVpc. Never restartNetwork on one of its tiers: the guard against
        # clean-up there does not see makeredundant (NetworkServiceImpl.restartNetwork).
        return yes(
            Act.MAKE_PAIR,
            "restartVPC makeredundant: replaces the routers, puts the VPC on the built-in "
            "redundant offering, and cannot be taken back.",
        )
    if target.network is None or not target.network.can_be_redundant:
        return no(
            Act.MAKE_PAIR,
            "The network's offering does not name the capability RedundantRouter.",
            "Another network with an offering that does.",
        )
    return yes(
        Act.MAKE_PAIR,
        "restartNetwork makeredundant: replaces the router and cannot be taken back.",
    )


def _make_single(target: RouterTarget) -> Answer:
    """There is no way back: `makeredundant=false` succeeds and undoes nothing."""
    if not target.is_pair:
        return no(Act.MAKE_SINGLE, "It is single.")
    place = "VPC" if target.is_of_vpc else "network"
    return no(
        Act.MAKE_SINGLE,
        "CloudStack has no command for it.",
        f"A new {place} without redundancy, and moving there.",
    )


def _resize(target: RouterTarget) -> Answer:
    if answer := _hands_off(target, Act.RESIZE):
        return answer
    lost = "The change is lost when a router is deployed again."
    if target.is_pair:
        if answer := _roles_disagree(target, Act.RESIZE):
            return answer
        return yes(Act.RESIZE, f"Stop, change the offering, start; the standby first. {lost}")
    [router] = target.routers
    if router.state is not VmState.RUNNING:
        return no(Act.RESIZE, f"{router.name} is {router.state}.", "Start it first.")
    return yes(
        Act.RESIZE, f"Stop, change the offering, start; {target.owner} is cut meanwhile. {lost}"
    )


def _migrate(target: RouterTarget) -> Answer:
    if answer := _hands_off(target, Act.MIGRATE):
        return answer
    if not any(one.state is VmState.RUNNING for one in target.routers):
        return no(Act.MIGRATE, "None of it is Running.", "Start it first.")
    if target.spare_hosts == 0:
        return no(Act.MIGRATE, "No other host of its zone is up and enabled.", "Enable a host.")
    return yes(Act.MIGRATE, "migrateSystemVm to a host that is named, never the one of its peer.")


def _live_patch(target: RouterTarget) -> Answer:
    if answer := _hands_off(target, Act.LIVE_PATCH):
        return answer
    place = "restartVPC" if target.is_of_vpc else "restartNetwork"
    return yes(
        Act.LIVE_PATCH,
        f"{place} livepatch: no reboot, but HAProxy is restarted and its connections are cut. "
        "Redundant routers have failed after it.",
    )


def _same_for_all(target: RouterTarget) -> tuple[Answer, ...]:
    return (
        yes(Act.DIAGNOSE, "runDiagnostics: ping, traceroute, arping from inside it."),
        no(
            Act.TWIN,
            "A twin is for an ILB.",
            "A redundant pair." if target.kind in _SINGLE else "",
        ),
        no(
            Act.SPLIT,
            "A router carries what its VPC or network has, and cannot be divided.",
            "More CPU for it (a larger offering), or load balancing by ILBs of its tiers.",
        ),
        _terminate_tls(target),
        # NetworkHelperImpl.validateHAProxyLBRule, since 4.14.1.
        no(
            Act.BALANCE_UDP,
            "Its HAProxy balances TCP only, and CloudStack refuses a UDP rule.",
            "Port forwarding takes UDP to one VM.",
        ),
        no(
            Act.HEALTH_POLICY,
            "A router takes no health check policy (CloudStack answers 430).",
            "It tries a TCP connection to every member by itself.",
        ),
        no(
            Act.ZONE_UPGRADE,
            "upgradeRouterTemplate by zone, pod or cluster reboots both routers of a pair at "
            "once, and ILB VMs with them.",
            "`roll-fleet zone=NAME routers`: a canary first, and of a pair the standby first.",
        ),
    )


def _terminate_tls(target: RouterTarget) -> Answer:
    """Unknown versions count as too old: a promise must hold."""
    if has(target.version, Feature.ROUTER_TLS):
        return yes(Act.TERMINATE_TLS, "On its public LB, with a certificate assigned to the rule.")
    return no(
        Act.TERMINATE_TLS,
        f"Routers terminate TLS from CloudStack {Feature.ROUTER_TLS.since} on; this is "
        f"{target.version or 'a version it does not tell'}.",
        "Pass TLS through (TCP) and terminate it on the members.",
    )


_SINGLE = frozenset({Kind.VPC_ROUTER, Kind.ISOLATED_ROUTER})
