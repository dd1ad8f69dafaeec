"""Why a router is not running: on purpose, unexpectedly, or still on its way; pure."""

from __future__ import annotations

from bot.domain.cause import Cause, asked_for, move_in_words, restarting
from bot.domain.cloud import CloudEvent, VmState
from bot.domain.router_view import STARTS, RouterView
from bot.domain.view import is_move
from bot.domain.zone import Router


def why_router_is_down(view: RouterView, router: Router) -> Cause:
    """Say why a router is not running; what is not on purpose is unexpected.

    The stop of a router within a restart of its VPC carries the VPC's id, so the restart is asked
    about before the router's own events.
    """
    reasons = (_idle(view), _our_own(view), restarting(view), asked_for(view.last_move(router)))
    for reason in reasons:
        if reason:
            return Cause(True, reason, evidence_of(view, router))
    return Cause(False, _unexpected(view, router), evidence_of(view, router))


def evidence_of(view: RouterView, router: Router) -> tuple[str, ...]:
    """Return what was looked at of one router."""
    checks = (f"{check.name}: {check.details or check.status}" for check in view.failing(router))
    return (
        f"{router.name} is {router.state}, {router.role}",
        f"newest start or stop of {router.name}: {move_in_words(view.last_move(router))}",
        *(f"{router.name}, {text}" for text in checks),
    )


def _idle(view: RouterView) -> str:
    states = [view.network.state] if view.network else [tier.state for tier in view.tiers]
    if "Implemented" in states:
        return ""
    return (
        f"nothing of {view.owner} is Implemented: CloudStack took its routers down with its idle "
        "networks and brings them back with the first VM"
    )


def _our_own(view: RouterView) -> str:
    return f"operation {view.busy_with} of ours is at work on it" if view.busy_with else ""


def _unexpected(view: RouterView, router: Router) -> str:
    if router.state is VmState.STOPPING:
        return f"{router.name} is Stopping and nobody asked for it to be stopped"
    last = _last_stop(view, router)
    if last is not None and last.type == "VM.STOP":
        when = last.created.strftime("%H:%M:%S UTC")
        return f"{router.name} died by itself: {last.description!r} seen by CloudStack at {when}"
    return f"{router.name} is {router.state} and nobody asked for it to be stopped"


def _last_stop(view: RouterView, router: Router) -> CloudEvent | None:
    """Return the newest stop of a router that is down: a start that came to nothing tells nothing.

    CloudStack records one when it tries to start a dead router and no host takes it.
    """
    own = (one for one in view.events if one.resource_id == router.id and is_move(one))
    return next((one for one in own if one.type not in STARTS), None)
