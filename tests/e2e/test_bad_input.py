"""Bad records and bad moments against the real bot: a true sentence, nothing lost,
nothing left running, and no secret anywhere."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer

from bot.adapters.clock import SystemClock
from bot.demo.stage import Stage, connected, staged, until
from bot.demo.staging import Staging
from bot.domain.operation import Operation
from bot.sandbox.cloud.seed import ADMIN, READ_ONLY
from bot.sandbox.slack.seed import APP_TOKEN, BOT_TOKEN
from bot.services.journal import Journal

pytestmark = [
    pytest.mark.slow, pytest.mark.serial, pytest.mark.xdist_group("serial"),
    pytest.mark.timeout(150),
]  # fmt: skip
SLOW = Staging(pace=0.2)
STOPPED_AND_STARTED = ["ilb_vm.stopped", "ilb_vm.disk_renewed", "ilb_vm.started"]


async def operations(stage: Stage) -> tuple[Operation, ...]:
    journal = Journal(stage.journal_url, SystemClock())
    await journal.open()
    try:
        return await journal.operations()
    finally:
        await journal.close()


async def effects(stage: Stage, target: str) -> list[str]:
    return [one["kind"] for one in await stage.look("effects") if one["target"] == target]


async def ilbot(stage: Stage, *arguments: str) -> str:
    """Run the command line beside the bot, as an operator does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(stage.folder), **stage.environment},
    )  # fmt: skip
    said, _ = await process.communicate()
    return said.decode()


async def approved_roll(stage: Stage, target: str = "cache-tier") -> dict[str, Any]:
    """Ana asks, Bruno approves; return the ILB VM."""
    machine = await stage.machine(target)
    await stage.slack.says("ana", f"/ilb roll {machine['name']}", wait=False)
    card = await stage.slack.sees("ana", f"Roll {machine['name']}", "Waiting", timeout_s=30)
    await stage.slack.clicks("bruno", action_id="approve", ts=card["ts"], channel="#ilb-ops")
    return machine


async def test_rubbish_on_the_bus_hides_no_true_record() -> None:
    async with staged(Staging(pace=0.02, automatic=True, bus_of_world=False)) as stage:
        dead = await stage.machine("app-tier")
        await stage.control("power-off", target=dead["name"])
        await stage.reaches(dead["name"], "Stopped")
        true = _died(dead["id"])
        await asyncio.to_thread(
            _publish, stage.broker,
            b"", b"\xff\xfe", b"{", b"[]", b"null", b"7", b"NaN", b"[" * 100_000, b'"' * 70_000,
            json.dumps({"event": "x" * 900_000}).encode(),
            json.dumps({"status": {"a": []}, "id": dead["id"], "resource": 7}).encode(),
            _died("' OR 1=1; -- <!channel> ${jndi:ldap://x}"),
            _died(dead["id"], at="not a time"),
            _died(dead["id"], at="1970-01-01 00:00:00 +0000"),
            true, true, true,
        )  # fmt: skip
        await stage.slack.sees("ana", "Receipt of", timeout_s=45)
        [found] = await operations(stage)
        assert (found.wish.runbook, str(found.outcome)) == ("recover", "done")
        assert (await effects(stage, dead["name"])).count("ilb_vm.started") == 1
        assert stage.bot.is_alive


async def test_what_a_role_leaves_out_is_refused_to_who_asked_alone() -> None:
    async with staged(Staging(pace=0.02)) as stage:
        path = stage.folder / "policies.yaml"
        policies = yaml.safe_load(path.read_text())
        policies["roles"]["requester"]["targets"] = ["shop-prod/*", "shop-stage/*"]
        path.write_text(yaml.safe_dump(policies))
        await stage.slack.says("ana", "/ilb roll ledger-tier", wait=False)
        said = await stage.slack.sees("ana", "Ana may not", is_ephemeral=True, timeout_s=30)
        assert "ledger-tier" in said["words"]
        assert not [m for m in await stage.slack.messages(**{"as": "bruno"}) if "b-46" in str(m)]
        [found] = await operations(stage)
        assert str(found.outcome) == "refused"


async def test_a_change_told_to_end_in_the_middle_goes_on_at_the_next_start() -> None:
    async with staged(SLOW) as stage:
        machine = await approved_roll(stage)
        await stage.reaches(machine["name"], "Stopping")
        await stage.bot.stop()
        await stage.bot.start()
        await connected(stage)
        await stage.slack.sees("ana", "Receipt of", timeout_s=45)
        [found] = await operations(stage)
        assert str(found.outcome) == "done"
        assert await effects(stage, machine["name"]) == STOPPED_AND_STARTED


@pytest.mark.parametrize("how", ["command line", "file"])
async def test_a_stop_in_the_middle_takes_back_and_a_resume_lets_go_on(how: str) -> None:
    async with staged(SLOW) as stage:
        stop = "stopInternalLoadBalancerVM"
        await stage.control("fault", command=stop, kind="job_slow", seconds=15)
        machine = await approved_roll(stage)

        async def is_in_the_job() -> bool:
            return stop in (await stage.look("calls"))["by_command"]

        await until(is_in_the_job, 30)
        file = stage.folder / "state" / "STOP"
        if how == "file":
            file.touch()
        else:
            assert "halts at its next safe point" in await ilbot(stage, "stop", "a storm")
        await stage.slack.sees("ana", "Rolled back", timeout_s=60)
        [found] = await operations(stage)
        assert str(found.outcome) == "rolled back"
        assert await effects(stage, machine["name"]) == STOPPED_AND_STARTED
        await stage.slack.says("ana", "/ilb roll web-tier", wait=False)
        await stage.slack.sees("ana", "Nothing starts now", is_ephemeral=True, timeout_s=20)
        file.unlink(missing_ok=True)
        assert "Changes may start again" in await ilbot(stage, "resume")
        await approved_roll(stage, "qa-tier")
        await stage.slack.sees("ana", ":white_check_mark: Done", timeout_s=45)


async def test_two_vpcs_change_at_once_and_one_vpc_in_turn() -> None:
    async with staged(SLOW) as stage:
        for tier in ("app-tier", "cache-tier", "qa-tier"):
            await approved_roll(stage, tier)

        async def all_ended() -> bool:
            return all(one.outcome for one in await operations(stage))

        await until(all_ended, 60)
        qa, cache, app = await operations(stage)
        assert {str(one.outcome) for one in (qa, cache, app)} == {"done"}
        assert app.lane == cache.lane != qa.lane
        assert min(app.ended_at, cache.ended_at) <= max(app.started_at, cache.started_at)
        assert qa.started_at < app.ended_at


async def test_a_second_process_on_the_same_state_is_told_and_harms_nothing() -> None:
    async with staged(Staging(pace=0.02)) as stage:
        said = await ilbot(stage, "run")
        assert "another ilbot (pid " in said
        assert "Traceback" not in said
        await approved_roll(stage)
        await stage.slack.sees("ana", "Receipt of", timeout_s=45)


async def test_no_secret_is_in_logs_chat_journal_or_answers() -> None:
    secrets = (READ_ONLY.secret_key, ADMIN.secret_key, READ_ONLY.api_key, ADMIN.api_key)
    planted = (*secrets, BOT_TOKEN, APP_TOKEN, "PLANTED-IN-A-RECORD")
    async with staged(Staging(pace=0.02)) as stage:
        await asyncio.to_thread(_publish, stage.broker, *_records_with_secrets())
        await stage.control("fault", command="*", kind="body", times=6, status=200,
                            text=f"<html>{ADMIN.secret_key}</html>")  # fmt: skip
        await stage.slack.says("ana", "/ilb status")
        await stage.control("clear-faults")
        await approved_roll(stage)
        await stage.slack.sees("ana", "Receipt of", timeout_s=45)
        told = [
            await ilbot(stage, *words.split())
            for words in ("config", "check", "status", "op list", "plan roll web-tier", "run")
        ]
        told.append(json.dumps([await stage.slack.messages(**{"as": who}) for who in ("ana",)]))
        await stage.bot.stop()
        files = {path: path.read_bytes() for path in _files(stage.folder)}
    for secret in planted:
        assert not [text for text in told if secret in text]
        assert not [path.name for path, content in files.items() if secret.encode() in content]


def _files(folder: Path) -> list[Path]:
    """Everything the bot wrote; the sandbox's own log is not the bot's."""
    return [p for p in folder.rglob("*") if p.is_file() and p.name != "sandbox.log"]


def _died(vm_id: str, at: str = "") -> bytes:
    moment = at or time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime())
    return json.dumps(
        {
            "eventDateTime": moment, "old-state": "Running", "resource": "VirtualMachine",
            "id": vm_id, "new-state": "Stopped", "status": "postStateTransitionEvent",
        }
    ).encode()  # fmt: skip


def _records_with_secrets() -> tuple[bytes, ...]:
    secret = "PLANTED-IN-A-RECORD"
    job = {
        "eventDateTime": "", "jobId": "1", "status": "SUCCEEDED", "instanceType": "None",
        "commandEventType": "INTERNALLBVM.STOP",
        "cmdInfo": json.dumps({"apikey": secret, "signature": secret, "password": secret}),
    }  # fmt: skip
    return (
        json.dumps(job).encode(),
        b'{"password": "' + secret.encode() + b'"',
        json.dumps({"description": f"apikey={secret}&signature={secret}"}).encode(),
    )


def _publish(broker: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker})
    for value in values:
        producer.produce("cloudstack", value=value)
    producer.flush(10)
