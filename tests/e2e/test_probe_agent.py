"""A real agent in a process of its own, against the bot's intake on a real socket."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from pydantic import SecretStr

from bot.adapters.clock import SystemClock
from bot.domain.operation import Outcome, State
from bot.domain.probing import Evidence, Watched
from bot.services.journal import Journal
from bot.services.probing import ProbeDesk
from handlers import http
from handlers.probe_agents import routes
from tests.adapters.servers import answering
from tests.services.journals import asked

pytestmark = [pytest.mark.slow, pytest.mark.serial]

TOKEN = "0123456789abcdef01234567"
VIP = "10.20.1.10"


async def _none() -> list[Metric]:
    return []


async def seen(desk: ProbeDesk, run: str, attempts: int) -> Evidence:
    """Wait until so much was seen."""
    async with asyncio.timeout(60):
        while (found := await desk.evidence(run)).attempts < attempts:
            await asyncio.sleep(0.1)
    return found


async def test_an_agent_tells_the_bot_what_clients_would_see(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db", SystemClock())
    await journal.open()
    desk = ProbeDesk(journal, SystemClock())
    run = (await journal.open_operation(asked(1), "click", {}))[0].apply_run
    listener = http.listener("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = http.create_app(
        dict,
        _none,
        CollectorRegistry(),
        routes(desk, {"web-1": SecretStr(TOKEN)}),
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "ilbot.toml").write_text(
        f'[probe]\naddress_map = {{ "10.20.1.10/32" = "127.0.0.1/32" }}\n'
        f'[probe_agent]\nbot_url = "{url}"\ntoken_file = "token"\nname = "web-1"\n'
    )
    async with answering() as service:
        await desk.watch(run, [Watched(VIP, service.port)])
        agent = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "probe", "--config", str(tmp_path / "ilbot.toml"),
            env=dict(os.environ), stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            clean = await seen(desk, run, 20)
            assert (clean.vantage_points, clean.lost) == (("web-1",), 0)
            assert await desk.vantage_points() == ("web-1",)
            service.closes_at_once = True
            service.cut(reset=True)
            async with asyncio.timeout(60):
                while (await desk.evidence(run)).failed < 5:
                    await asyncio.sleep(0.1)
            lossy = await desk.evidence(run)
            assert lossy.resets == 5
            await journal.move(
                run.partition(":")[0], (State.ASKED,), "ended", state=State.ENDED,
                outcome=Outcome.FAILED, ended_at=SystemClock().now(),
            )  # fmt: skip
        finally:
            agent.send_signal(signal.SIGTERM)
            _, said = await agent.communicate()
    assert agent.returncode == 0, said
    assert TOKEN.encode() not in said
    server.should_exit = True
    await serving
    await journal.close()
