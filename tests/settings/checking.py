"""Runs `ilbot check` on settings that a test gives, in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.adapters.clock import SystemClock
from bot.cli.check import check, report
from bot.cli.check_line import CheckLine
from bot.settings import Loaded, Settings

PEOPLE = "people: [{slack: UANA, name: Ana, roles: [all]}]\n"
ROLE = "roles: {all: {may: [request, approve], runbooks: ['*'], targets: ['*']}}\n"


RUNBOOKS = ("provision", "recover", "roll")


def loaded(groups: Mapping[str, Mapping[str, object]], **extra: Any) -> Loaded:
    return Loaded(Settings.model_validate(groups), None, {}, **({"warnings": ()} | extra))


async def lines(
    groups: Mapping[str, Mapping[str, object]], tmp_path: Path, **extra: Any
) -> dict[str, CheckLine]:
    files = {"state_dir": tmp_path / "state", "policies_file": tmp_path / "policies.yaml"}
    whole = {**groups, "bot": {**files, **groups.get("bot", {})}}
    found = await check(loaded(whole, **extra), RUNBOOKS, SystemClock())
    assert report(found).count("\n") >= len(found)
    return {line.part: line for line in found}


def keys(read: Any, write: Any = None) -> dict[str, object]:
    found: dict[str, object] = {"read_api_key": read.api_key, "read_secret_key": read.secret_key}
    if write is not None:
        found |= {"write_api_key": write.api_key, "write_secret_key": write.secret_key}
    return found
