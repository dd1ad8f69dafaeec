"""`ilbot check` against a pretend CloudStack, Slack and broker, whole and broken."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from bot.adapters.cloudstack.signing import Keys
from bot.cli.check import document, report
from bot.cli.check_line import CheckLine, Verdict
from bot.cli.cloud_rights import Right, rights
from bot.connections import cloud_access
from bot.errors import Refused
from bot.sandbox.broker import Broker
from bot.sandbox.cloud import ADMIN, DOMAIN_ADMIN, READ_ONLY, World, seed_demo
from bot.sandbox.cloud import create_app as create_cloud
from bot.sandbox.slack.app import create_app as create_slack
from bot.sandbox.slack.workspace import Workspace
from bot.settings import Settings
from tests.settings.checking import PEOPLE, ROLE, keys, lines

pytestmark = pytest.mark.slow


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """Serve an app on a free loopback port and yield its address."""
    config = uvicorn.Config(
        app, port=0, log_level="error", timeout_graceful_shutdown=1, lifespan="on"
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    socket.listen()  # whoever comes before the server is ready waits in the queue
    task = asyncio.create_task(server.serve(sockets=[socket]))
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def cloud() -> AsyncIterator[str]:
    world = World(time.time)
    seed_demo(world)
    async with served(create_cloud(world)) as address:
        yield f"{address}/client/api"


@pytest.fixture
async def workspace() -> AsyncIterator[tuple[Workspace, str]]:
    workspace = Workspace()
    async with served(create_slack(workspace)) as address:
        yield workspace, f"{address}/api/"


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


# --- all of it ---


async def test_a_whole_setup_is_ok_and_told_the_next_step(
    cloud: str, workspace: tuple[Workspace, str], broker: Broker, tmp_path: Path
) -> None:
    slack, slack_url = workspace
    bootstrap = broker.start()
    broker.publish("cloudstack", None, b"{}")
    (tmp_path / "policies.yaml").write_text(
        "people: [{slack: UANA, name: Ana, roles: [all]}, {slack: UBEN, name: Ben, roles: [all]}]\n"
        "roles: {all: {may: [request, approve], runbooks: ['*'], targets: ['*']}}\n"
        "runbooks: {roll: {mode: approve}}\n"
    )
    groups: dict[str, Mapping[str, object]] = {
        "cloudstack": {"endpoint": cloud} | keys(READ_ONLY, ADMIN),
        "slack": {
            "bot_token": slack.seed.app.bot_token,
            "app_token": slack.seed.app.app_token,
            "channel": "C1",
            "base_url": slack_url,
        },
        "kafka": {"enabled": True, "bootstrap": bootstrap},
    }
    found = await lines(groups, tmp_path)
    for part in ("cloudstack", "cloudstack write key", "slack bot token", "slack app token"):
        assert found[part].verdict is Verdict.OK, found[part]
    for part in (
        "kafka",
        "publishing",
        "version",
        "clock",
        "auto-recreate",
        "VM statistics",
        "state",
        "database",
        "stop file",
        "policies",
    ):
        assert found[part].verdict is Verdict.OK, found[part]
    assert "ILB VMs seen" in found["cloudstack"].text
    assert "People approve changes" in found["next step"].text


async def test_nothing_set_names_what_is_missing_and_what_to_mend(tmp_path: Path) -> None:
    found = await lines({}, tmp_path)
    assert found["cloudstack"].verdict is Verdict.REFUSED
    assert found["slack"].verdict is Verdict.REFUSED
    assert found["policies"].verdict is Verdict.WARNING
    assert found["next step"].text.startswith("Mend cloudstack and slack")


async def test_warnings_of_loading_are_among_the_lines(tmp_path: Path) -> None:
    found = await lines({}, tmp_path, warnings=("the file is open to all",))
    assert found["settings"] == CheckLine("settings", Verdict.WARNING, "the file is open to all")


def test_a_document_for_programs_says_whether_anything_is_refused() -> None:
    fine = CheckLine("a", Verdict.OK, "fine")
    bad = CheckLine("b", Verdict.REFUSED, "broken", "Mend it.")
    assert document([fine])["ok"] is True
    assert document([fine, bad]) == {
        "ok": False,
        "lines": [
            {"part": "a", "verdict": "ok", "text": "fine", "instead": ""},
            {"part": "b", "verdict": "refused", "text": "broken", "instead": "Mend it."},
        ],
    }


def test_the_command_prints_one_json_document_and_keeps_kafkas_advice(tmp_path: Path) -> None:
    settings = tmp_path / "ilbot.toml"
    settings.write_text("[kafka]\nenabled = true\nbootstrap = '127.0.0.1:1'\n")
    words = [sys.executable, "-m", "bot", "check", "--json", "--config", str(settings)]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    shown = json.loads(told.stdout)
    assert (told.returncode, told.stderr, shown["ok"]) == (1, "", False)
    (kafka,) = (line for line in shown["lines"] if line["part"] == "kafka")
    assert kafka["verdict"] == "refused"
    assert "nobody listens there" in kafka["text"]


def test_a_report_indents_what_belongs_to_a_row() -> None:
    rows = [
        CheckLine("a", Verdict.OK, "fine"),
        CheckLine("long part", Verdict.REFUSED, "first\n  second", "Do this."),
    ]
    assert report(rows) == (
        "ok       a          fine\n"
        "refused  long part  first\n"
        "                    second\n"
        "                    Do this.\n"
    )


# --- CloudStack ---


async def test_a_key_of_another_account_is_refused_with_the_reason(
    cloud: str, tmp_path: Path
) -> None:
    found = await lines({"cloudstack": {"endpoint": cloud} | keys(DOMAIN_ADMIN)}, tmp_path)
    assert found["cloudstack"].verdict is Verdict.REFUSED


async def test_a_wrong_secret_is_refused_and_not_shown(cloud: str, tmp_path: Path) -> None:
    wrong = {"read_api_key": READ_ONLY.api_key, "read_secret_key": "planted-s3cret"}
    found = await lines({"cloudstack": {"endpoint": cloud} | wrong}, tmp_path)
    assert found["cloudstack"].verdict is Verdict.REFUSED
    assert "planted-s3cret" not in report(list(found.values()))


async def test_without_a_write_key_the_bot_is_said_to_observe(cloud: str, tmp_path: Path) -> None:
    found = await lines({"cloudstack": {"endpoint": cloud} | keys(READ_ONLY)}, tmp_path)
    assert found["cloudstack write key"].text == "none, so ilbot observes"


def server_of(allowed: dict[str, set[str]]) -> Callable[[httpx.Request], httpx.Response]:
    """Answer listApis as `ApiDiscoveryServiceImpl` does for each key's role."""

    def answer(request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assert form["command"] == "listApis"
        role = allowed[form["apikey"]]
        if "listApis" not in role:
            return httpx.Response(432, json={"listapisresponse": {"errorcode": 432}})
        if form["name"] not in role:
            return httpx.Response(530, json={"listapisresponse": {"errorcode": 530}})
        return httpx.Response(200, json={"listapisresponse": {"count": 1, "api": [{}]}})

    return answer


async def test_rights_are_told_per_role() -> None:
    def pair(name: str) -> Keys:
        return Keys(SecretStr(name), SecretStr("s"))

    server = server_of({"reader": {"listApis", "listNetworks"}, "mute": {"listNetworks"}})
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as http:
        asked = ("listNetworks", "restartNetwork")
        reader = await rights(http, "http://cloud/api", pair("reader"), asked, 0.0)
        mute = await rights(http, "http://cloud/api", pair("mute"), asked, 0.0)
    assert reader == {"listNetworks": Right.YES, "restartNetwork": Right.NO}
    assert set(mute.values()) == {Right.NOT_TOLD}


async def test_a_server_that_is_gone_tells_no_rights() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(gone)) as http:
        pair = Keys(SecretStr("a"), SecretStr("b"))
        assert await rights(http, "http://cloud/api", pair, ["x"], 0.0) == {"x": Right.NOT_TOLD}


def test_a_cloudmonkey_profile_gives_what_is_not_set(tmp_path: Path) -> None:
    profile = tmp_path / "config"
    profile.write_text("[prod]\nurl = https://cloud/client/api\napikey = a\nsecretkey = b\n")
    cloud = {"cmk_profile": "prod", "cmk_config": profile}
    access = cloud_access(Settings.model_validate({"cloudstack": cloud}).cloudstack)
    assert access.endpoint == "https://cloud/client/api"
    assert access.read.api.get_secret_value() == "a"
    assert access.write is None


def test_cloudmonkeys_configuration_is_not_touched_unasked(tmp_path: Path) -> None:
    profile = tmp_path / "config"
    profile.write_text("[core]\nprofile = prod\n[prod]\nurl = https://c\napikey = a\nsecretkey = b")
    settings = Settings.model_validate({"cloudstack": {"cmk_config": profile}})
    with pytest.raises(Refused, match="not set"):
        cloud_access(settings.cloudstack)


# --- Slack ---


async def test_tokens_in_each_others_place_are_told(
    workspace: tuple[Workspace, str], tmp_path: Path
) -> None:
    _, url = workspace
    slack = {"bot_token": "xoxb-wrong", "app_token": "xapp-wrong", "channel": "C1"}
    found = await lines({"slack": slack | {"base_url": url}}, tmp_path)
    assert found["slack bot token"].text == "Slack answers invalid_auth"
    assert found["slack bot token"].instead


@pytest.mark.parametrize(
    ("scopes", "verdict"),
    [
        ("chat:write,commands,files:write,users:read", Verdict.OK),
        ("chat:write,commands", Verdict.WARNING),
        ("users:read", Verdict.WARNING),
    ],
)
async def test_missing_scopes_are_told(scopes: str, verdict: Verdict, tmp_path: Path) -> None:
    async def answer(request: Request) -> JSONResponse:
        body = {"ok": True, "user": "ilbot", "team": "Shop"}
        return JSONResponse(body, headers={"x-oauth-scopes": scopes})

    async with served(Starlette(routes=[Route("/auth.test", answer, methods=["POST"])])) as url:
        slack: dict[str, object] = {"bot_token": "xoxb-1", "base_url": url}
        found = await lines({"slack": slack}, tmp_path)
    assert found["slack bot token"].verdict is verdict


async def test_something_else_in_slacks_place_is_told(tmp_path: Path) -> None:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("<html>proxy</html>", status_code=502)

    async with served(Starlette(routes=[Route("/auth.test", answer, methods=["POST"])])) as url:
        slack: dict[str, object] = {"bot_token": "xoxb-1", "base_url": url}
        found = await lines({"slack": slack}, tmp_path)
    assert "is not Slack (HTTP 502)" in found["slack bot token"].text


async def test_slack_out_of_reach_is_told(tmp_path: Path) -> None:
    slack: dict[str, object] = {"bot_token": "xoxb-1", "base_url": "http://127.0.0.1:1/api/"}
    found = await lines({"slack": slack}, tmp_path)
    assert "cannot be reached" in found["slack bot token"].text


# --- Kafka ---


async def test_a_broker_out_of_reach_is_told(tmp_path: Path) -> None:
    kafka: dict[str, object] = {"enabled": True, "bootstrap": "127.0.0.1:1"}
    found = await lines({"kafka": kafka}, tmp_path)
    assert found["kafka"].verdict is Verdict.REFUSED


# --- the next step ---

TIER = "2f1c6f6e-3a53-4d0c-9a4d-0b8a3f1f5c11"


@pytest.mark.parametrize(
    ("write", "policies", "told"),
    [
        (None, "", "ilbot observes. To let people approve"),
        (ADMIN, "", "observes all the same"),
        (
            ADMIN,
            "runbooks: {recover: {mode: automatic, automatic_on: [TIER]}}\n"
            "incidents: {ilb-stopped: {runbook: recover, mode: automatic}}\n",
            "acts by itself on ilb-stopped",
        ),
    ],
)
async def test_the_next_step_follows_the_mode(
    write: Any,
    policies: str,
    told: str,
    cloud: str,
    workspace: tuple[Workspace, str],
    tmp_path: Path,
) -> None:
    slack, url = workspace
    text = PEOPLE.replace("]}]", "]}, {slack: UBEN, name: Ben, roles: [all]}]") + ROLE
    (tmp_path / "policies.yaml").write_text(text + policies.replace("TIER", TIER))
    tokens = {"bot_token": slack.seed.app.bot_token, "app_token": slack.seed.app.app_token}
    groups: dict[str, Mapping[str, object]] = {
        "cloudstack": {"endpoint": cloud} | keys(READ_ONLY, write),
        "slack": tokens | {"channel": "C1", "base_url": url},
    }
    found = await lines(groups, tmp_path)
    assert told in found["next step"].text
