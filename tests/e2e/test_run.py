"""`ilbot run` as an operator meets it: what a fresh one may do, what it tells, how it ends."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from bot.adapters.clock import SystemClock
from bot.demo.processes import Child
from bot.demo.stage import Stage, staged, until
from bot.demo.staging import Staging
from bot.domain.operation import Operation
from bot.engine.database import open_database
from bot.services.journal import Journal
from tests.services.run import free_port

pytestmark = [pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(120)]


async def test_without_a_write_key_it_plans_tells_and_changes_nothing() -> None:
    async with staged(Staging(pace=0.02, can_write=False)) as stage:
        await stage.slack.says("ana", "/ilb roll app-tier", wait=False)
        card = await stage.slack.sees("ana", "Observed, nothing was changed", timeout_s=30)
        assert "What happens" in str(card)
        assert "there is no write key" in str(card)
        assert "Approve" not in str(card["blocks"])

        machine = await stage.machine("app-tier")
        await stage.control("power-off", target=machine["name"])
        await stage.slack.sees("ana", "Recover", "Observed, nothing was changed", timeout_s=30)

        [recover, roll] = await _operations(stage)
        assert (roll.wish.runbook, str(roll.outcome)) == ("roll", "observed")
        assert (recover.wish.runbook, str(recover.outcome)) == ("recover", "observed")
        assert not any(one["kind"] == "ilb_vm.started" for one in await stage.look("effects"))
        calls = (await stage.look("calls"))["by_command"]
        assert not [name for name in calls if not name.startswith("list")]


async def test_it_tells_health_and_numbers_over_http() -> None:
    port = free_port()
    async with (
        staged(Staging(http_port=port)) as stage,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):

        async def is_ready() -> bool:
            return (await http.get("/health/ready")).status_code == 200

        await until(is_ready, 30)
        told = (await http.get("/health/ready")).json()
        assert set(told["parts"]) == {
            "engine", "policies", "machines", "poller", "cpu", "drift report", "kafka", "slack",
            "cards", "probing",
        }  # fmt: skip
        assert (await _numbers(http))["ilbot_operations_open waiting"] == 0

        await stage.slack.says("ana", "/ilb roll app-tier", wait=False)
        await stage.slack.sees("ana", "Waiting for approval", timeout_s=30)
        assert (await _numbers(http))["ilbot_operations_open waiting"] == 1
        await stage.slack.clicks("bruno", "Reject")
        await stage.slack.sees("ana", "Rejected", timeout_s=30)
        numbers = await _numbers(http)
        assert numbers["ilbot_operations_open waiting"] == 0
        assert numbers["ilbot_operations_total rejected slack"] == 1
        assert numbers["ilbot_poll_age_seconds"] < 60
        assert numbers["ilbot_stopped"] == 0


async def test_a_port_that_is_taken_ends_it_with_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with staged(Staging()) as stage:
            second = _second(stage, {"ILBOT_HTTP__PORT": str(port)})
            assert await _exit_code(second) == 1
            assert "Traceback" not in second.tail(200)
            assert f"HTTP cannot be served on 127.0.0.1 port {port}" in second.tail()


async def test_a_dead_part_ends_it_with_an_error_so_that_a_supervisor_starts_it_again() -> None:
    async with staged(Staging()) as stage:
        await stage.slack.says("ana", "/ilb roll app-tier", wait=False)
        await stage.slack.sees("ana", "Waiting for approval", timeout_s=30)
        _spoil(stage.journal_url)
        assert await _exit_code(stage.bot) == 1
        assert "its part dispatcher died" in stage.bot.tail()


def _second(stage: Stage, changes: dict[str, str]) -> Child:
    """Another bot beside the one of the stage, with a state of its own."""
    folder = stage.folder / "second"
    environment = stage.environment | {"ILBOT_BOT__STATE_DIR": str(folder)} | changes
    return Child("second bot", ["run"], environment, stage.folder / "second.log")


async def _exit_code(child: Child) -> int:
    try:
        if not child.is_alive:
            await child.start()
        return await asyncio.wait_for(child.ended(), 30)
    finally:
        await child.stop()


async def _operations(stage: Stage) -> tuple[Operation, ...]:
    journal = Journal(stage.journal_url, SystemClock())
    try:
        return await journal.operations()
    finally:
        await journal.close()


async def _numbers(http: httpx.AsyncClient) -> dict[str, float]:
    text = (await http.get("/metrics")).text
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _spoil(journal_url: str) -> None:
    """Make the stored operation something that no release can read."""
    database = open_database(journal_url)
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE operation SET wish = 'no JSON'"))
    database.dispose()
