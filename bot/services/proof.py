"""What a change must show of its traffic, asked of the probes the same way everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.evidence import BEGIN_S, LATE_S
from bot.domain.operation import Outcome
from bot.domain.page import duration
from bot.domain.probing import Evidence, Watched
from bot.ports import Proof, World

_LOOK_S = 0.5


async def begin_to_watch(world: World, run_id: str, places: Sequence[Watched]) -> int:
    """Watch from now on, and wait a moment until everybody who looks has seen something.

    Returns how many look; with none it does not wait.
    """
    await world.probe.watch(run_id, places)
    names = await world.probe.vantage_points()
    wanted = {(name, one.at) for name in names for one in places}
    deadline = world.clock.now() + BEGIN_S
    while wanted and world.clock.now() < deadline:
        await world.clock.sleep(_LOOK_S)
        seen = (await world.probe.evidence(run_id)).tallies
        wanted -= {(one.vantage, (one.vip, one.port)) for one in seen}
    return len(names)


async def evidence_until_now(world: World, run_id: str) -> Evidence:
    """Return what was seen until this moment, once all of it is told: attempts that hang are
    waited for, a vantage point that went away only so long."""
    asked_at = world.clock.now()
    found = await world.probe.evidence(run_id)
    while found.vantage_points and found.seen_until < asked_at:
        if world.clock.now() > asked_at + LATE_S + 1.0:
            break
        await world.clock.sleep(_LOOK_S)
        found = await world.probe.evidence(run_id)
    return found


def loss(found: Evidence, proof: Proof) -> str:
    """Say what was lost where it is more than the budget, `""` where it is not.

    What a prober saw while it was late itself is no loss of the service's; the rest of it is.
    """
    worst = found.worst
    if worst is None or found.surely_lost <= proof.budget:
        return ""
    allowed = f"{proof.budget} may be" if proof.budget else "none may be"
    sure = f", {found.surely_lost} of them by a prober on time" if found.not_valid else ""
    return (
        f"{found.failed} of {found.attempts} new connections failed and {found.resets} held ones "
        f"were cut{sure} ({allowed}), most at {worst}; the longest gap was "
        f"{duration(found.longest_gap_s)}"
    )


def unproven(found: Evidence, proof: Proof) -> str:
    """Say why what was seen proves nothing, `""` where it does."""
    if not found.attempts:
        return "nobody tried the service meanwhile: there was no vantage point"
    if found.not_valid:
        return found.not_valid
    if found.blind_s > proof.blind_s:
        return f"nobody looked for {found.blind_s} of {found.watched_s} s"
    return ""


def judge(found: Evidence, proof: Proof, unsafe: str) -> tuple[Outcome, str]:
    """Say what a change that is as planned comes to, by its traffic: no loss is ever done."""
    if lost := loss(found, proof):
        return judge_loss(lost, unsafe)
    if why := unproven(found, proof):
        return Outcome.UNVERIFIED, f"it is as planned, but its traffic is not proven: {why}"
    return Outcome.DONE, ""


def judge_loss(lost: str, unsafe: str) -> tuple[Outcome, str]:
    """Say what a change that is as planned comes to when it lost more than it may."""
    text = f"it is as planned, but {lost}"
    return (Outcome.PARKED, f"{text}; {unsafe}") if unsafe else (Outcome.FAILED, text)
