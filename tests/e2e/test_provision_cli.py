"""A spec in a file, from a terminal: what it prints, what it asks for, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot.demo.scripts.provision import BATCH, DB_READ, NEW_ILB
from bot.demo.stage import Stage, staged
from bot.demo.staging import Staging

pytestmark = [pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(120)]
DB = "shop-prod/db-tier"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


async def ilbot(stage: Stage, *arguments: str, given: str = "") -> Said:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, **stage.environment},
    )  # fmt: skip
    out, err = await process.communicate(given.encode())
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged(Staging(pace=0.02)) as opened:
        yield opened


async def test_an_export_provisioned_again_finds_nothing_to_do(stage: Stage) -> None:
    written = await ilbot(stage, "export", DB)
    assert (written.code, written.err) == (0, "")
    again = await ilbot(stage, "provision", "-f", "-", given=written.out)
    assert again.code == 0
    assert "Nothing to do. Tier db-tier already is as its spec says." in again.out


async def test_a_plan_is_a_diff_and_changes_nothing(stage: Stage) -> None:
    spec = stage.folder / "ilb.yaml"
    spec.write_text(NEW_ILB)
    planned = await ilbot(stage, "provision", "-f", str(spec))
    assert planned.code == 0
    assert "+ create 10.20.3.4:80 → 8080, roundrobin, members db-1 and db-2" in planned.out
    assert "Nothing was changed." in planned.out
    as_json = json.loads((await ilbot(stage, "provision", "-f", str(spec), "--json")).out)
    assert as_json["plan"]["runbook"] == "provision"
    assert await stage.look("effects") == []


async def test_what_is_asked_for_is_approved_in_chat_and_followed_to_its_end(stage: Stage) -> None:
    asking = asyncio.create_task(
        ilbot(stage, "provision", "-f", "-", "--ask", "--because", "orders", given=NEW_ILB)
    )
    card = await stage.slack.sees("bruno", "Waiting for approval", "orders", timeout_s=30)
    await stage.slack.clicks("bruno", "Approve", ts=card["ts"])
    said = await asking
    assert (said.code, said.err) == (0, "")
    assert "is stored. Its card shows in Slack" in said.out
    assert said.out.rstrip().endswith("done")
    assert (await ilbot(stage, "drift", DB)).code == 0
    await stage.control("drift-rule", target="orders-80", algorithm="source")
    drifted = await ilbot(stage, "drift", DB)
    assert (drifted.code, "10.20.3.4:80" in drifted.out) == (1, True)
    (found,) = json.loads((await ilbot(stage, "drift", DB, "--json")).out)
    assert (found["tier"], len(found["differs"])) == (DB, 1)


async def test_a_wish_that_is_refused_is_bad_news(stage: Stage) -> None:
    said = await ilbot(stage, "provision", "-f", "-", "--ask", given=BATCH)
    assert (said.code, "refused: Tier batch-tier is Allocated" in said.out) == (1, True)


async def test_rubbish_ends_with_a_reason_and_no_traceback(stage: Stage) -> None:
    surrogate = "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")
    for arguments, given, says in (
        ("provision -f -", DB_READ.replace("port:", "prot:"), "did you mean port?"),
        ("provision -f -", "", "The spec cannot be used"),
        ("provision -f -", surrogate, "The spec cannot be used"),
        ("provision -f /nowhere/ilb.yaml", "", "/nowhere/ilb.yaml"),
        ("provision -f -", DB_READ.replace("db-1", "db-9"), "db-9"),
        ("provision -f /", "", "Is a directory"),
        ("provision -f /dev/zero", "", "longer than 4 MiB"),
        ("provision -f - --json --ask", DB_READ, "say one of them"),
        ("export no-tier", "", "no-tier"),
        ("export tools-tier", "", "has no load balancing"),
        ("drift no-tier", "", "no-tier"),
    ):
        said = await ilbot(stage, *arguments.split(), given=given)
        assert said.code != 0, arguments
        assert says in said.out + said.err
        assert "Traceback" not in said.err
