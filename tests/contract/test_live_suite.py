"""The suite for a live server holds on the pretend one, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import cs
import httpx
import pytest

from bot.demo.processes import Child
from bot.sandbox.cloud.seed import ADMIN
from tests.live.ground import Ground, ground_on

pytestmark = [pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(300)]
PROJECT = Path(__file__).parents[2]


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    arguments = ["sandbox", "--pace", "0.02", "--parent", str(os.getpid())]
    sandbox = Child("pretend world", arguments, {}, tmp_path / "sandbox.log")
    await sandbox.start()
    try:
        yield (await sandbox.said())["cloud"]
    finally:
        await sandbox.stop()


async def names_in(url: str) -> str:
    async with httpx.AsyncClient() as http:
        answer = await http.get(url.replace("/client/api", "/control/state"))
    return answer.text


async def test_every_claim_and_runbook_holds_and_nothing_is_left(url: str) -> None:
    environment = {
        "CLOUDSTACK_URL": url,
        "CLOUDSTACK_API_KEY": ADMIN.api_key,
        "CLOUDSTACK_SECRET_KEY": ADMIN.secret_key,
        "CLOUDSTACK_POLL_S": "0.04",
    }
    suite = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live",
        cwd=PROJECT, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await suite.communicate()
    assert suite.returncode == 0, said.decode()[-5000:]
    assert "ilbot-live-" not in await names_in(url)


async def test_what_was_made_goes_also_after_a_failure(url: str) -> None:
    cloud = cs.CloudStack(
        endpoint=url, key=ADMIN.api_key, secret=ADMIN.secret_key, poll_interval=0.04
    )

    def fail() -> None:
        with ground_on(cloud) as ground:
            ground.assign(ground.rule(8000))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await asyncio.to_thread(fail)
    assert "ilbot-live-" not in await names_in(url)


async def test_what_could_not_be_taken_away_is_named(url: str) -> None:
    cloud = cs.CloudStack(
        endpoint=url, key=ADMIN.api_key, secret=ADMIN.secret_key, poll_interval=0.04
    )

    def forget() -> Ground:
        with ground_on(cloud) as ground:
            ground.made = [one for one in ground.made if "deployVirtualMachine" not in one[0]]
        return ground

    with pytest.raises(AssertionError, match=r"still there: .*virtualmachine ilbot-live-"):
        await asyncio.to_thread(forget)
