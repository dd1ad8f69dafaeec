"""Probing in the settings: maps and tokens, from a file, a variable or a secret file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from bot import connections
from bot.adapters.haproxy_stats import Page
from bot.cli.effective import effective
from bot.cli.init_file import init_file
from bot.domain.probing import Pacing
from bot.errors import Refused
from bot.ports import Proof
from bot.settings import ProbeAgentSettings, Settings, load_settings, read_settings

TOKEN = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ilbot.toml"
    path.touch(mode=0o600)
    return path


def test_the_defaults_are_those_of_the_values() -> None:
    probe = Settings().probe
    assert connections.pacing(probe) == Pacing()
    assert connections.proof(probe) == Proof()
    assert not probe.from_bot


def test_the_stats_page_is_where_cloudstack_puts_it_unless_told(file: Path) -> None:
    assert connections.stats_page(Settings().probe) == Page()
    secret = file.with_name("stats")
    secret.write_text("not-the-default\n")
    secret.chmod(0o600)
    file.write_text(
        '[probe]\nstats_port = 9000\nstats_uri = "/lb"\nstats_user = "ops"\n'
        'stats_password_file = "stats"\n'
    )
    loaded = load_settings(file, {})
    page = connections.stats_page(loaded.probe)
    assert (page.port, page.uri, page.user) == (9000, "/lb", "ops")
    assert page.password.get_secret_value() == "not-the-default"
    assert "not-the-default" not in f"{page} {loaded}"


@pytest.mark.parametrize("uri", ["admin", "/a b", "/a\nb", ""])
def test_a_path_that_is_none_is_refused(file: Path, uri: str) -> None:
    file.write_text(f"[probe]\nstats_uri = {json.dumps(uri)}\n")
    with pytest.raises(Refused, match="stats_uri"):
        load_settings(file, {})


async def test_a_prober_reads_no_page_where_that_is_turned_off() -> None:
    async with connections.prober(Settings().probe, "bot") as one:
        assert one._read is not None
    off = Settings().probe.model_copy(update={"stats": False})
    async with connections.prober(off, "bot") as one:
        assert one._read is None


def test_a_map_translates_what_is_connected_to(file: Path) -> None:
    file.write_text(
        '[probe]\naddress_map = { "10.20.0.0/16" = "127.77.0.0/16" }\nport_offset = 1000\n'
    )
    reach = connections.address_map(load_settings(file, {}).probe)
    assert reach.reach("10.20.1.10", 80) == ("127.77.1.10", 1080)


def test_a_variable_may_hold_a_map(file: Path) -> None:
    environ = {"ILBOT_PROBE__ADDRESS_MAP": "10.20.0.0/16=127.77.0.0/16, 10.30.0.0/16=127.78.0.0/16"}
    reach = connections.address_map(load_settings(file, environ).probe)
    assert reach.reach("10.30.1.10", 80)[0] == "127.78.1.10"


def test_agents_come_from_a_secret_file(file: Path) -> None:
    secret = file.with_name("agents")
    secret.write_text(f"# clients\nweb-1 = {TOKEN}\n\nweb-2 = {OTHER}\n")
    secret.chmod(0o600)
    file.write_text('[probe]\nagents_file = "agents"\n')
    agents = load_settings(file, {}).probe.agents
    assert {name: token.get_secret_value() for name, token in agents.items()} == {
        "web-1": TOKEN,
        "web-2": OTHER,
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('address_map = { "10.20.0.0/16" = "127.77.0.0/24" }', "prefixes of equal length"),
        ('address_map = "ten"', "NAME = VALUE"),
        ('agents = { web-1 = "tiny-secret" }', "20 characters or more"),
        (f'agents = {{ bot = "{TOKEN}" }}', "and never bot"),
        (f'agents = {{ web-1 = "{TOKEN}", web-2 = "{TOKEN}" }}', "a token of its own"),
        (f'agents = "web-1 = {TOKEN}, web-1 = {OTHER}"', "each name once"),
        ("rate = 51", "expected 50 or less"),
        ("budget = -1", "expected 0 or more"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place_and_no_secret(
    file: Path, text: str, why: str
) -> None:
    file.write_text(f"[probe]\n{text}\n")
    with pytest.raises(Refused) as refused:
        load_settings(file, {})
    said = str(refused.value)
    assert f"{file}, line 2, column" in said
    assert why in said
    assert TOKEN not in said
    assert "tiny-secret" not in said


def test_what_is_in_force_is_shown_without_tokens(file: Path) -> None:
    file.write_text(f'[probe]\nagents = {{ web-1 = "{TOKEN}" }}\n')
    shown = effective(read_settings(file, {}))
    assert 'agents = { "web-1" = "********" }' in shown
    assert TOKEN not in shown
    assert TOKEN not in repr(load_settings(file, {}))


def test_the_first_file_has_every_setting_of_probing() -> None:
    text = init_file()
    assert '#agents_file = "/etc/ilbot/secrets/probe_agents"' in text
    assert "#address_map = {}" in text
    assert tomllib.loads(text)["probe"] == {}


def test_an_agent_without_a_token_is_told_what_to_set() -> None:
    with pytest.raises(Refused, match=r"Set probe_agent\.bot_url and probe_agent\.token"):
        connections.agent_http(ProbeAgentSettings(bot_url="https://ilbot.example.com"))
