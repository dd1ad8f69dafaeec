"""Each runbook, by the real bot on a live CloudStack, asked for in a pretend Slack."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from bot.adapters.clock import SystemClock
from bot.demo.scripts.acting import fill_in
from bot.demo.stage import Stage, staged
from bot.demo.staging import Staging
from bot.domain.operation import Operation, Outcome
from bot.services.journal import Journal
from tests.live.conftest import URL
from tests.live.ground import OTHER_VIP, Ground

pytestmark = pytest.mark.timeout(3600)
PATIENCE_S = float(os.environ.get("CLOUDSTACK_PATIENCE_S", "900"))
_KEY = os.environ.get("CLOUDSTACK_API_KEY", "")
_SECRET = os.environ.get("CLOUDSTACK_SECRET_KEY", "")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The bot with the live server for a cloud; the pretend world gives Slack and a bus alone."""
    settings = {
        "ILBOT_CLOUDSTACK__ENDPOINT": URL,
        "ILBOT_CLOUDSTACK__READ_API_KEY": _KEY, "ILBOT_CLOUDSTACK__READ_SECRET_KEY": _SECRET,
        "ILBOT_CLOUDSTACK__WRITE_API_KEY": _KEY, "ILBOT_CLOUDSTACK__WRITE_SECRET_KEY": _SECRET,
    }  # fmt: skip
    pace = float(os.environ.get("CLOUDSTACK_POLL_S", "2")) / 2
    staging = Staging(pace=pace, bus_of_world=False, probed=False, settings=tuple(settings.items()))
    async with staged(staging) as opened:
        yield opened


@pytest.fixture
def ilb(ground: Ground) -> Iterator[str]:
    """A running ILB VM of this run, by its name."""
    rule = ground.rule(8100)
    ground.assign(rule)
    (vm,) = ground.ilb_vms()
    yield str(vm["name"])
    ground.delete(rule)


async def ended(stage: Stage) -> Operation:
    """Return the newest operation when it has ended."""
    journal = Journal(stage.journal_url, SystemClock())
    try:
        (newest, *_) = await journal.operations(limit=1)
    finally:
        await journal.close()
    assert newest.outcome is not None, newest
    return newest


async def approved(stage: Stage) -> Operation:
    """Approve the plan that waits, and return the operation when it has ended."""
    await stage.slack.sees("bruno", "Waiting for approval", timeout_s=60)
    await stage.slack.clicks("bruno", "Approve")
    await stage.slack.sees("bruno", "Receipt of", timeout_s=PATIENCE_S)
    return await ended(stage)


async def test_provision_builds_and_building_again_changes_nothing(
    stage: Stage, ground: Ground
) -> None:
    spec = (
        f"tier: {ground.tier}\nilbs:\n  - vip: {OTHER_VIP}\n    services:\n      - name: live\n"
        f"        members: [{ground.run}-1, {ground.run}-2]\n"
        "        rules: [{port: 8200}, {port: 8201, algorithm: source}]\n"
    )
    await fill_in(stage, ground.tier, spec)
    done = await approved(stage)
    assert done.outcome is Outcome.DONE, done.reason
    (vm,) = ground.ilb_vms(OTHER_VIP)
    assert vm["state"] == "Running"
    await fill_in(stage, ground.tier, spec)
    await stage.slack.sees("ana", "already is as its spec says", timeout_s=60)
    for rule in ground.rows("listLoadBalancers", "loadbalancer", networkid=ground.tier):
        if rule["sourceipaddress"] == OTHER_VIP:
            ground.delete(rule["id"])
    assert ground.ilb_vms(OTHER_VIP) == []


async def test_recover_leaves_alone_what_somebody_stopped(
    stage: Stage, ground: Ground, ilb: str
) -> None:
    (vm,) = ground.ilb_vms()
    ground.cloud.stopInternalLoadBalancerVM(id=vm["id"], fetch_result=True)
    await stage.slack.says("ana", f"/ilb recover {ilb}")
    await stage.slack.sees("ana", "Left alone", timeout_s=60)
    assert ground.ilb_vms()[0]["state"] == "Stopped"
    assert (await ended(stage)).outcome is Outcome.NOTHING_TO_DO


async def test_roll_restarts_it_or_says_why_not(stage: Stage, ground: Ground, ilb: str) -> None:
    await stage.slack.says("ana", f"/ilb roll {ilb} restart")
    done = await approved(stage)
    # A server whose guests report no version cannot prove one: failing is then the honest end.
    assert done.outcome in {Outcome.DONE, Outcome.FAILED}, done.reason
    assert done.outcome is Outcome.DONE or "version" in done.reason
    assert ground.ilb_vms()[0]["state"] == "Running"
