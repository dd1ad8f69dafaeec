"""What a look at an ILB or at routers found of one kind of incident; pure.

A finding says whether the target fails now, and why, in words for people. What only seems to fail
is not a failure: a check that means nothing there (`bot.domain.health`), a machine at which
somebody is at work, a stop that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.domain.cause import restarting
from bot.domain.cloud import VmState
from bot.domain.episode import Reading, passing
from bot.domain.health import CPU_CHECK, CheckResult
from bot.domain.plan import Target, in_words
from bot.domain.policy import IncidentKind
from bot.domain.router_cause import evidence_of, why_router_is_down
from bot.domain.router_view import RouterView
from bot.domain.view import View
from bot.domain.zone import Router


@dataclass(frozen=True, slots=True)
class Finding:
    """One target, one kind of incident, one reading; `checks` are what is seen to fail.

    `over` says that it passes where it failed before, `""` where `words` do.
    """

    kind: IncidentKind
    target: Target
    reading: Reading
    words: str
    evidence: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    over: str = ""

    @property
    def about(self) -> str:
        """What episodes of it are kept under."""
        return about(self.kind, self.target.id)


def about(kind: IncidentKind, target_id: str) -> str:
    """Name what episodes of one kind on one target are kept under."""
    return f"{kind.value}:{target_id}"


def failing_ilb(view: View, failed: Iterable[str] = ()) -> Finding:
    """Return whether checks of an ILB VM fail; `failed` are those of its open episode."""
    kind, fails = IncidentKind.ILB_FAILING, _mended_by_a_restart(view.failing_checks)
    if why := _why_not_now(view):
        return Finding(kind, view.target, Reading.NOT_KNOWN, f"{view.name}: {why}")
    if fails:
        words = f"{view.name} fails {in_words(_names(fails))}"
        return Finding(
            kind, view.target, Reading.FAILS, words, tuple(map(_said, fails)), _names(fails)
        )
    if view.vm is None or view.vm.state is not VmState.RUNNING:
        return Finding(
            kind, view.target, Reading.NOT_KNOWN, f"{view.name} is {view.state}: no check counts"
        )
    if passing(view.collected, failed):
        return _nothing_fails(kind, view, is_busy=bool(view.failing_checks))
    words = f"{view.name}: its checks were not collected since its last start"
    return Finding(kind, view.target, Reading.NOT_KNOWN, words)


def failing_routers(view: RouterView, failed: Iterable[str] = ()) -> Finding:
    """Return whether checks of Running routers of one place fail; `failed` as `Finding.checks`."""
    kind = IncidentKind.ROUTER_FAILING
    if view.busy_with:
        return Finding(kind, view.target, Reading.NOT_KNOWN, _ours(view.name, view.busy_with))
    seen = [(one, view.failing(one)) for one in view.routers if one.state is VmState.RUNNING]
    ill = [(one, fails) for one, every in seen if (fails := _mended_by_a_restart(every))]
    if ill:
        words = in_words([f"{one.name} fails {in_words(_names(fails))}" for one, fails in ill])
        evidence = tuple(line for one, _ in ill for line in evidence_of(view, one))
        names = tuple(f"{one.id} {name}" for one, fails in ill for name in _names(fails))
        return Finding(kind, view.target, Reading.FAILS, words, evidence, names)
    if all(_passes(view, one, failed) for one in view.routers):
        return _nothing_fails(kind, view, is_busy=any(every for _, every in seen))
    words = f"{view.name}: not every check was collected since the last start"
    return Finding(kind, view.target, Reading.NOT_KNOWN, words)


def dead_routers(view: RouterView, down_s: Mapping[str, float], grace_s: float) -> Finding:
    """Return whether routers of one place are down for good although nobody stopped them.

    CloudStack starts a dead router again by itself: until `grace_s` have passed, it may. `down_s`
    says for how long each router was seen down, by its id.
    """
    kind = IncidentKind.ROUTER_STOPPED
    down = [one for one in view.routers if one.state is not VmState.RUNNING]
    if not down:
        running = in_words([one.name for one in view.routers])
        words = f"{running}: Running" if running else f"{view.owner} has no router any more"
        return Finding(kind, view.target, Reading.PASSES, words)
    causes = [(one, why_router_is_down(view, one)) for one in down]
    if wanted := next((cause for _, cause in causes if cause.on_purpose), None):
        words = f"left alone: {wanted.reason}"
        return Finding(kind, view.target, Reading.NOT_KNOWN, words, wanted.evidence)
    for one in down:
        if one.state.is_moving and one.state is not VmState.STOPPING:
            words = f"{one.name} is {one.state}: CloudStack is at work on it"
            return Finding(kind, view.target, Reading.NOT_KNOWN, words)
    words = in_words([cause.reason for _, cause in causes])
    evidence = tuple(line for _, cause in causes for line in cause.evidence)
    if all(down_s.get(one.id, 0.0) < grace_s for one in down):
        waits = f"{words}; CloudStack has {grace_s:.0f} s to start it by itself"
        return Finding(kind, view.target, Reading.NOT_KNOWN, waits, evidence)
    return Finding(kind, view.target, Reading.FAILS, words, evidence)


def _why_not_now(view: View) -> str:
    """Say why what is read tells nothing of the machine just now, `""` where it may."""
    if view.busy_with:
        return f"operation {view.busy_with} of ours is at work on it"
    if not view.tier.is_implemented:
        return f"tier {view.tier.name} is {view.tier.state}, not Implemented"
    return restarting(view)


def _ours(name: str, operation_id: str) -> str:
    return f"{name}: operation {operation_id} of ours is at work on it"


def _passes(view: RouterView, router: Router, failed: Iterable[str]) -> bool:
    """Whether what failed on a router is known to pass; one that never failed has nothing to."""
    own = [name.removeprefix(f"{router.id} ") for name in failed if name.startswith(router.id)]
    if not own:
        return True
    return router.state is VmState.RUNNING and passing(view.collected(router), own)


def _mended_by_a_restart(checks: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Leave out that the CPU is busy: that is an incident of its own, and no restart gives more."""
    return tuple(one for one in checks if one.name != CPU_CHECK)


def _nothing_fails(kind: IncidentKind, view: View | RouterView, *, is_busy: bool) -> Finding:
    words, over = f"{view.name}: no check fails that means anything there", " passes again"
    if is_busy:
        words = f"{view.name} fails {CPU_CHECK} alone: busy, which no restart mends; see `advise`"
        over = f" passes again, but for {CPU_CHECK}"
    return Finding(kind, view.target, Reading.PASSES, words, over=f"{view.name}{over}")


def _names(checks: Iterable[CheckResult]) -> tuple[str, ...]:
    return tuple(one.name for one in checks)


def _said(check: CheckResult) -> str:
    return f"{check.name}: {' '.join(check.details.split())[:200] or check.status}"
