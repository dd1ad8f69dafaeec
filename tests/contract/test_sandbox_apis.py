"""What the pretend cloud's listApis calls a job is what the recorded server answered with one."""

from __future__ import annotations

from bot.sandbox.cloud.commands.table import COMMANDS
from tests.contract.wire_records import exchanges, scenarios
from tests.sandbox.cloud_caller import demo_cloud

POLL = "queryAsyncJobResult"
"""It tells of a job, and is none."""


async def told() -> dict[str, bool]:
    async with demo_cloud() as cloud:
        apis = (await cloud.call("listApis"))["api"]
    return {one["name"]: one["isasync"] for one in apis}


async def test_a_command_is_a_job_where_it_was_recorded_as_one() -> None:
    recorded = {
        one.command: "jobid" in one.inner
        for name in scenarios()
        for one in exchanges(name)
        if one.raw["status"] == 200 and one.command in COMMANDS and one.command != POLL
    }
    assert len(recorded) > 80
    assert {name: is_job for name, is_job in (await told()).items() if name in recorded} == recorded


async def test_collecting_diagnostics_is_a_job_though_its_name_says_get() -> None:
    assert (await told())["getDiagnosticsData"]  # GetDiagnosticsDataCmd extends BaseAsyncCmd
