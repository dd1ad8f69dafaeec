"""Why an ILB VM is not running: on purpose, unexpectedly, or still on its way; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.domain.cloud import CloudEvent, VmState
from bot.domain.view import View

ON_PURPOSE_TYPES = frozenset(
    {"INTERNALLBVM.STOP", "ROUTER.STOP", "ROUTER.REBOOT", "ROUTER.DESTROY"}
)
JUST_ENDED_S = 300.0
"""How long after a VPC or network restart its stops still count as part of it."""


LONGEST_RESTART_S = 3600.0
"""A restart that began longer ago and never ended was cut off with its management server:
CloudStack cancels jobs after an hour (setting `job.cancel.threshold.minutes`)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Whether to leave it alone, in one sentence, with what was looked at."""

    on_purpose: bool
    reason: str
    evidence: tuple[str, ...]


def why_not_running(view: View) -> Cause:
    """Say why the machine of a view is not running; what is not on purpose is unexpected."""
    for claim in (_idle_tier, _our_own, _unused, restarting, _stopped_by_somebody):
        if reason := claim(view):
            return Cause(True, reason, _evidence(view))
    return Cause(False, _unexpected(view), _evidence(view))


def _idle_tier(view: View) -> str:
    if view.tier.is_implemented:
        return ""
    return (
        f"tier {view.tier.name} is {view.tier.state}, not Implemented: CloudStack removed its "
        "ILB VM with the idle tier, and starting anything in it now can hang for good"
    )


def _our_own(view: View) -> str:
    return f"operation {view.busy_with} of ours is at work on it" if view.busy_with else ""


def _unused(view: View) -> str:
    if any(rule.is_active for rule in view.rules):
        return ""
    return f"no Active rule with a member is visible on {view.vip}"


class _Restarted(Protocol):
    @property
    def read_at(self) -> float: ...

    @property
    def restarts(self) -> tuple[CloudEvent, ...]: ...


def restarting(view: _Restarted) -> str:
    """Say that a restart of the VPC or network is running or just ended, `""` where none is."""
    for event in view.restarts:
        age_s = view.read_at - event.created.timestamp()
        what = "VPC" if event.type == "VPC.RESTART" else "network"
        is_over = event.state == "Completed" or _has_completed(view.restarts, event)
        if not is_over and age_s <= LONGEST_RESTART_S:
            return f"a restart of its {what} is running"
        if event.state == "Completed" and age_s <= JUST_ENDED_S:
            return f"a restart of its {what} ended {age_s:.0f} s ago"
    return ""


def _has_completed(events: tuple[CloudEvent, ...], begun: CloudEvent) -> bool:
    return any(
        event.type == begun.type
        and event.resource_id == begun.resource_id
        and event.state == "Completed"
        and event.created >= begun.created
        for event in events
    )


def _stopped_by_somebody(view: View) -> str:
    return asked_for(view.last_move)


def asked_for(last: CloudEvent | None) -> str:
    """Say who asked for the newest start or stop, where that was a stop; else `""`."""
    if last is None or last.type not in ON_PURPOSE_TYPES:
        return ""
    when = last.created.strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{last.username or last.account} asked for it: {last.type} at {when}"


def _unexpected(view: View) -> str:
    vm, last = view.vm, view.last_move
    if vm is None:
        return f"no ILB VM has {view.vip} although rules on it are Active"
    if vm.state is VmState.STOPPING:
        return f"{vm.name} is Stopping and nobody asked for it to be stopped"
    if last is not None and last.type == "VM.STOP":
        when = last.created.strftime("%H:%M:%S UTC")
        return f"{vm.name} died by itself: {last.description!r} seen by CloudStack at {when}"
    return f"{vm.name} is {vm.state} and nobody asked for it to be stopped"


def _evidence(view: View) -> tuple[str, ...]:
    vm, last = view.vm, view.last_move
    active = sum(rule.is_active for rule in view.rules)
    return (
        f"state {vm.state}" if vm else "no ILB VM",
        f"newest start or stop: {move_in_words(last)}",
        f"{active} Active {'rule' if active == 1 else 'rules'} with members on {view.vip}",
        f"tier {view.tier.name} is {view.tier.state}",
    )


def move_in_words(event: CloudEvent | None) -> str:
    """Say what was recorded, by whom and when."""
    if event is None:
        return "none on record"
    when = event.created.strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{event.type} ({event.state}) by {event.username or event.account} at {when}"
