"""A proposal that nobody decided on goes when its reason does, and stands in no repair's way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.operation import Mode, Operation, Outcome, State
from bot.domain.policy import IncidentKind, IncidentPolicy
from bot.sandbox.cloud import machines
from bot.services.incidents import Incidents
from tests.services.office import an_office
from tests.services.test_failing import STANDBY, VM, fails, opened
from tests.services.test_failing_routers import dead
from tests.services.test_incidents import _automatic, _desk, _dies
from tests.workflows.harness import House, house


@pytest.fixture
async def home() -> AsyncIterator[House]:
    """What is dead is repaired by itself, and what fails is proposed."""
    async with house() as made:
        _automatic(made, VM)
        _policy(made, IncidentKind.ILB_FAILING, Mode.APPROVE)
        yield made


def _policy(home: House, kind: IncidentKind, mode: Mode) -> None:
    incidents = {**home.policies.incidents, kind: IncidentPolicy(kind, "recover", mode)}
    home.policies = replace(home.policies, incidents=incidents)


async def ends(home: House, found: Operation) -> tuple[Outcome | None, str]:
    again = await home.quiet(found)
    return again.outcome, again.reason


async def dies(home: House, desk: Incidents) -> Operation:
    """Let it die and be seen; return the newest operation."""
    await _dies(home, VM)
    await desk.sweep()
    return (await opened(home))[-1]


async def test_a_repair_does_not_wait_for_a_proposal_about_failing_checks(home: House) -> None:
    desk = _desk(home)
    fails(home, VM)
    await desk.sweep()
    (proposal,) = await opened(home)
    assert proposal.state is State.WAITING
    repair = await dies(home, desk)
    outcome, reason = await ends(home, proposal)
    assert outcome is Outcome.STALE
    assert reason.startswith(f"overtaken: {VM} died by itself: ")
    assert reason.endswith(", which is repaired without anybody's approval")
    assert (repair.id != proposal.id, repair.outcome) == (True, Outcome.DONE)


async def test_a_repair_withdraws_what_was_proposed_for_its_target_otherwise(home: House) -> None:
    move = await home.incident("migrate", VM, Mode.APPROVE)
    other = await home.incident("migrate", "b-32-VM", Mode.APPROVE)
    assert (await dies(home, _desk(home))).outcome is Outcome.DONE
    assert (await ends(home, move))[0] is Outcome.STALE
    assert (await home.look(other)).state is State.WAITING


async def test_what_a_person_wished_before_it_died_is_overtaken_by_its_repair(home: House) -> None:
    fails(home, VM)
    wish = await home.ask("recover", VM)
    move = await home.ask("migrate", VM)
    assert (await dies(home, _desk(home))).outcome is Outcome.DONE
    assert (await ends(home, wish))[0] is Outcome.STALE
    assert (await home.look(move)).state is State.WAITING


async def test_what_a_person_wished_since_it_died_is_left_to_people(home: House) -> None:
    await _dies(home, VM)
    wish = await home.ask("recover", VM)
    await _desk(home).sweep()
    assert await opened(home) == [wish]
    assert (await home.approve(wish)).outcome is Outcome.DONE


async def test_what_is_approved_is_not_withdrawn(home: House) -> None:
    fails(home, VM)
    desk = _desk(home)
    await desk.sweep()
    (proposal,) = await opened(home)
    approved = {"state": State.APPROVED, "decided_by": "U-BRUNO", "decided_at": home.clock.now()}
    await home.journal.move(proposal.id, (State.WAITING,), "approved", **approved)
    await _dies(home, VM)
    await desk.sweep()
    (only,) = await home.journal.operations()
    assert (only.id, only.state) == (proposal.id, State.APPROVED)


async def test_a_proposal_to_bring_back_what_runs_again_is_withdrawn(home: House) -> None:
    _policy(home, IncidentKind.ILB_STOPPED, Mode.APPROVE)
    desk = _desk(home)
    proposal = await dies(home, desk)
    assert proposal.state is State.WAITING
    await desk.sweep()
    assert (await home.look(proposal)).state is State.WAITING
    home.cloud.processes.spawn(machines.start(home.cloud, home.vm(VM)))
    home.later(60)
    await desk.sweep()
    assert await ends(home, proposal) == (Outcome.STALE, f"{VM} is Running again")


async def test_a_proposal_to_bring_back_what_was_missing_is_withdrawn_once_it_runs(
    home: House,
) -> None:
    _policy(home, IncidentKind.ILB_MISSING, Mode.APPROVE)
    desk, tier = _desk(home), home.vm(VM).tier
    home.cloud.lose_ilb_vm(VM)
    await desk.sweep()
    (proposal,) = await opened(home)
    assert proposal.state is State.WAITING
    home.cloud.processes.spawn(machines.deploy_ilb_vm(home.cloud, tier, "10.20.1.10"))
    home.later(120)
    await desk.sweep()
    outcome, reason = await ends(home, proposal)
    assert outcome is Outcome.STALE
    assert reason.endswith("-VM is Running again")


async def test_a_repair_leaves_what_was_proposed_for_a_load() -> None:
    async with an_office() as office:
        _, proposal = await office.proposed(VM)
        _automatic(office.home, VM)
        repair = await dies(office.home, _desk(office.home))
        assert (repair.wish.runbook, repair.outcome) == ("recover", Outcome.DONE)
        assert (await office.home.look(proposal)).state is State.WAITING


async def test_a_proposal_to_start_a_router_that_came_back_is_withdrawn(home: House) -> None:
    _policy(home, IncidentKind.ROUTER_STOPPED, Mode.APPROVE)
    desk = _desk(home)
    dead(home, STANDBY)
    await desk.sweep()
    home.later(60)
    await desk.sweep()
    (proposal,) = await opened(home)
    assert proposal.state is State.WAITING
    home.cloud.processes.spawn(machines.start(home.cloud, home.vm(STANDBY)))
    home.later(120)
    await desk.sweep()
    outcome, reason = await ends(home, proposal)
    assert outcome is Outcome.STALE
    assert reason.endswith(f"{STANDBY}: Running, after 2 min")
