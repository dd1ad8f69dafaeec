"""The settings of the directory, and what `ilbot check` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.adapters.directory.manual import ManualDirectory, NoDirectory
from bot.adapters.directory.rfc2136 import Rfc2136Directory
from bot.cli.check_directory import check_directory
from bot.cli.check_line import Verdict
from bot.connections import directory, pace
from bot.errors import Refused
from bot.sandbox.dns.nameserver import Nameserver
from bot.sandbox.dns.seed import APP, KEY, ZONE, demo_nameserver
from bot.sandbox.dns.server import served
from bot.settings import DirectorySettings, Settings, load_settings

WHOLE: Mapping[str, object] = {
    "kind": "rfc2136",
    "server": "127.0.0.1",
    "zone": ZONE,
    "tsig_name": KEY.name,
    "tsig_secret": KEY.secret,
}


def group(**changed: object) -> DirectorySettings:
    return DirectorySettings.model_validate({**WHOLE, **changed})


def complaint(tmp_path: Path, text: str) -> str:
    path = tmp_path / "ilbot.toml"
    path.write_text(f"[directory]\n{text}\n")
    path.chmod(0o600)
    with pytest.raises(Refused) as refused:
        load_settings(path, {})
    return str(refused.value)


def test_without_a_directory_there_is_none() -> None:
    assert isinstance(directory(DirectorySettings()), NoDirectory)
    assert isinstance(directory(group(kind="manual")), ManualDirectory)
    assert isinstance(directory(group()), Rfc2136Directory)


def test_how_long_a_person_may_take_is_the_steps_pace() -> None:
    settings = Settings.model_validate({"directory": {"manual_deadline_s": 600}})
    assert pace(settings).person_s == 600


def test_updates_need_a_server_a_zone_and_a_key(tmp_path: Path) -> None:
    said = complaint(tmp_path, 'kind = "rfc2136"\nserver = "ns1.example.com"')
    assert "rfc2136 needs zone, tsig_name, tsig_secret, which is not set" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('server = "ns1.example.com/dns"', "expected a name like ns1.example.com"),
        ('tsig_secret = "hunter2!"', "expected base64"),
        ('tsig_algorithm = "hmac-md5"', "tsig_algorithm"),
        ("ttl_s = 0", "ttl_s"),
        ("manual_deadline_s = 5", "manual_deadline_s"),
    ],
)
def test_what_cannot_be_used_is_told_without_secrets(
    tmp_path: Path, text: str, expected: str
) -> None:
    said = complaint(tmp_path, text)
    assert expected in said
    assert "hunter2" not in said


async def line(nameserver: Nameserver, **changed: object) -> tuple[Verdict, str]:
    async with served(nameserver, "127.0.0.1") as address:
        there = {**WHOLE, "port": int(address.rpartition(":")[2]), **changed}
        found = await check_directory(Settings.model_validate({"directory": there}))
    return found.verdict, found.text


@pytest.mark.slow
async def test_check_sends_an_update_that_changes_nothing() -> None:
    nameserver = demo_nameserver()
    verdict, text = await line(nameserver)
    assert verdict is Verdict.OK
    assert text == f"zone {ZONE} (serial 2) takes updates signed by {KEY.name}"
    assert (nameserver.zone.changes, nameserver.zone.serial) == ([], 2)


@pytest.mark.slow
async def test_check_says_what_to_do_about_a_refused_key() -> None:
    nameserver = demo_nameserver()
    nameserver.faults.refuse_updates = True
    verdict, text = await line(nameserver)
    assert verdict is Verdict.REFUSED
    assert "allow-update or update-policy" in text


@pytest.mark.slow
async def test_check_tells_a_wrong_secret_and_does_not_show_it() -> None:
    verdict, text = await line(demo_nameserver(), tsig_secret="aHVudGVyMg==")
    assert verdict is Verdict.REFUSED
    assert "BADSIG" in text
    assert "aHVudGVyMg" not in text


@pytest.mark.slow
async def test_check_resolves_where_people_change_names() -> None:
    verdict, text = await line(demo_nameserver(), kind="manual")
    assert verdict is Verdict.OK
    assert "people are asked" in text


async def test_check_says_what_needs_names_where_there_are_none() -> None:
    found = await check_directory(Settings())
    assert found.verdict is Verdict.OK
    assert "a pair of ILBs" in found.text


@pytest.mark.slow
async def test_the_served_name_is_the_one_of_the_demo() -> None:
    async with served(demo_nameserver(), "127.0.0.1") as address:
        port = int(address.rpartition(":")[2])
        record = await directory(group(port=port)).look(APP)
        assert record.lines() == ("app.shop.internal. 5 IN A 10.20.1.10",)
        assert await directory(group(port=port)).replace(record, record.with_one("10.20.1.11"))
        assert len((await directory(group(port=port)).look(APP)).addresses) == 2
