"""What the installation guide and the service unit say, held against the program."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.adapters.cloudstack.catalogue import COMMANDS, Effect
from bot.cli.init_file import example_policies, init_file
from bot.cli.roles import role_commands
from bot.domain.probing import LAG_S, MOST_PER_VIP
from bot.settings import Settings
from bot.settings.given import group_fields, is_secret

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "INSTALL.md").read_text()
AGENT_UNIT = (ROOT / "deploy" / "ilbot-probe.service").read_text()
SAMPLER_UNIT = (ROOT / "deploy" / "ilbot-sample.service").read_text()
UNIT = (ROOT / "deploy" / "ilbot.service").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def rules(role: str) -> list[tuple[str, str]]:
    """Read a role's rules from the command as a shell would, in their order."""
    command = next(part for part in role_commands().split("\n\n") if f"name={role}" in part)
    words = dict(word.split("=", 1) for word in shlex.split(command) if "=" in word)
    count = sum(name.endswith(".rule") for name in words)
    return [(words[f"rules[{i}].rule"], words[f"rules[{i}].permission"]) for i in range(count)]


def test_the_guide_shows_the_roles_that_the_program_prints() -> None:
    assert role_commands() in blocks("sh")


@pytest.mark.parametrize("which", ["read", "write"])
def test_one_role_can_be_asked_for(which: str) -> None:
    printed = CliRunner().invoke(cli, ["role", which])
    assert printed.exit_code == 0
    assert printed.output.rstrip() == role_commands(which).rstrip()
    assert printed.output.count("cmk import role") == 1
    assert f"name=ilbot-{which} " in printed.output


def test_a_role_that_does_not_exist_is_refused() -> None:
    refused = CliRunner().invoke(cli, ["role", "admin"])
    assert refused.exit_code == 2
    assert "there is read and write" in refused.output


@pytest.mark.parametrize("role", ["ilbot-read", "ilbot-write"])
def test_a_role_ends_by_denying_the_rest(role: str) -> None:
    found = rules(role)
    assert found[-1] == ("*", "deny")
    assert {permission for _, permission in found[:-1]} == {"allow"}


def test_the_reading_role_allows_no_change() -> None:
    names = {name for name, _ in rules("ilbot-read")[:-1]} - {"listApis"}
    assert {COMMANDS[name].effect for name in names} == {Effect.READ}


def test_both_roles_together_allow_all_that_the_bot_calls() -> None:
    allowed = {name for role in ("ilbot-read", "ilbot-write") for name, _ in rules(role)}
    assert allowed - {"listApis", "*"} == set(COMMANDS)


def test_every_setting_in_the_guide_exists() -> None:
    for block in blocks("toml"):
        for group, fields in tomllib.loads(block).items():
            for key in fields:
                stem = key.removesuffix("_file")
                assert key in group_fields(group) or is_secret(group, stem), f"{group}.{key}"


def test_every_variable_in_guide_and_unit_exists() -> None:
    found = re.findall(r"ILBOT_([A-Z]+)__([A-Z_]+)", GUIDE + UNIT + init_file())
    assert found
    for group, key in found:
        assert key.lower().removesuffix("_file") in group_fields(group.lower()), key


def test_the_guide_names_the_port_that_is_the_default() -> None:
    assert f"http://127.0.0.1:{Settings().http.port}/health/ready" in GUIDE


def test_the_examples_in_yaml_properties_and_xml_are_whole() -> None:
    assert yaml.safe_load(example_policies())
    (properties,) = blocks("properties")
    assert f"topic={Settings().kafka.topic}" in properties
    (bean,) = blocks("xml")
    assert bean.count("<bean ") == bean.count("</bean>") == 1


def test_the_unit_runs_what_the_guide_installs() -> None:
    started = re.search(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    assert started is not None
    program, *arguments = started[1].split()
    assert arguments == ["run", "--config", "/etc/ilbot/ilbot.toml"]
    assert f"sudo {program} init {arguments[-1]}" in GUIDE


def test_the_unit_keeps_state_where_the_guide_backs_it_up() -> None:
    assert "StateDirectory=ilbot\n" in UNIT
    assert "ILBOT_BOT__STATE_DIR=%S/ilbot\n" in UNIT
    assert "tar -C /var/lib -czf" in GUIDE


def test_the_agents_unit_runs_a_command_there_is_with_a_setting_there_is() -> None:
    started = re.search(r"^ExecStart=(.*)$", AGENT_UNIT, re.MULTILINE)
    assert started is not None
    program, *arguments = started[1].split()
    assert program == "/opt/ilbot/bin/ilbot"
    assert arguments == ["probe", "--config", "${CREDENTIALS_DIRECTORY}/settings"]
    assert CliRunner().invoke(cli, ["probe", "--help"]).exit_code == 0
    assert "ILBOT_PROBE_AGENT__TOKEN_FILE=%d/token\n" in AGENT_UNIT
    assert is_secret("probe_agent", "token")


def test_the_agents_unit_takes_what_the_guide_puts_there() -> None:
    for path in re.findall(r"^LoadCredential=\w+:(.*)$", AGENT_UNIT, re.MULTILINE):
        assert path in GUIDE
    assert "deploy/ilbot-probe.service /etc/systemd/system/ilbot-probe.service" in GUIDE


@pytest.mark.parametrize("unit", [AGENT_UNIT, SAMPLER_UNIT], ids=["agent", "sampler"])
def test_no_other_unit_is_less_confined_than_the_bots(unit: str) -> None:
    def confined(unit: str) -> set[str]:
        return set(unit.partition("NoNewPrivileges")[2].partition("[Install]")[0].split("\n"))

    assert confined(UNIT) <= confined(unit)


def test_the_samplers_unit_runs_a_command_there_is_with_the_bots_settings() -> None:
    started = re.search(r"^ExecStart=(.*)$", SAMPLER_UNIT, re.MULTILINE)
    assert started is not None
    assert started[1] == "/opt/ilbot/bin/ilbot sample --config /etc/ilbot/ilbot.toml"
    assert CliRunner().invoke(cli, ["sample", "--help"]).exit_code == 0


def test_the_guide_says_what_probing_does_by_default() -> None:
    probe = Settings().probe
    assert f"for {probe.hold_s:g} s (`hold_s`)" in GUIDE
    assert f"at most {MOST_PER_VIP:g} connections a second at one VIP" in GUIDE
    assert f"more than {LAG_S * 1000:g} ms measured itself" in GUIDE
