"""`ilbot check` on files, databases and policies, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.adapters.clock import SystemClock
from bot.cli.check import report
from bot.cli.check_line import Verdict
from bot.engine.database import open_database
from bot.services.journal import Journal
from tests.settings.checking import PEOPLE, ROLE, lines


async def test_a_schema_of_this_release_is_ok(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    journal = Journal(f"sqlite:///{tmp_path}/state/journal.db", SystemClock())
    await journal.open()
    await journal.close()
    found = await lines({}, tmp_path)
    assert "its schema is this release's" in found["database"].text


async def test_a_schema_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    database = open_database(f"sqlite:///{tmp_path}/state/journal.db")
    with database.begin() as connection:
        connection.execute(sa.text("create table ilbot_version (version_num varchar(32))"))
        connection.execute(sa.text("insert into ilbot_version values ('9999')"))
    database.dispose()
    found = await lines({}, tmp_path)
    assert found["database"].verdict is Verdict.REFUSED
    assert "of a newer ilbot" in found["database"].text


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.db").write_text("this is no database at all" * 100)
    found = await lines({}, tmp_path)
    assert found["database"].verdict is Verdict.REFUSED


async def test_a_server_that_does_not_answer_is_refused_without_its_password(
    tmp_path: Path,
) -> None:
    url = "postgresql://ilbot:planted-s3cret@127.0.0.1:1/ilbot?connect_timeout=2"
    found = await lines({"database": {"url": url}}, tmp_path)
    assert found["database"].verdict is Verdict.REFUSED
    assert "planted-s3cret" not in report(list(found.values()))


@pytest.mark.postgres
async def test_a_postgresql_server_is_told_before_and_after_the_first_start(
    postgres_url: str, tmp_path: Path
) -> None:
    database: dict[str, object] = {"url": postgres_url}
    found = await lines({"database": database}, tmp_path)
    assert "made at the first start" in found["database"].text
    journal = Journal(postgres_url, SystemClock())
    await journal.open()
    await journal.close()
    found = await lines({"database": database}, tmp_path)
    assert found["database"].verdict is Verdict.OK
    assert "its schema is this release's" in found["database"].text


async def test_the_check_makes_no_files(tmp_path: Path) -> None:
    await lines({}, tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_set_stop_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "STOP").touch()
    found = await lines({}, tmp_path)
    assert found["stop file"].verdict is Verdict.WARNING


async def test_a_stop_file_that_cannot_be_looked_at_counts_as_set(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = await lines({"bot": {"stop_file": tmp_path / "file" / "STOP"}}, tmp_path)
    assert found["stop file"].verdict is Verdict.REFUSED
    assert "which counts as set" in found["stop file"].text


async def test_a_file_in_the_state_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    found = await lines({}, tmp_path)
    assert found["state"].verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("text", "verdict", "told"),
    [
        ("people: 1", Verdict.REFUSED, "line 1, column 9"),
        ("", Verdict.WARNING, "nobody may ask for anything"),
        (PEOPLE + ROLE + "runbooks: {roll: {mode: approve}}", Verdict.WARNING, "Ana alone"),
        ("runbooks: {roll: {mode: approve}}", Verdict.REFUSED, "nobody may approve"),
    ],
)
async def test_gaps_in_the_policies_are_told(
    text: str, verdict: Verdict, told: str, tmp_path: Path
) -> None:
    (tmp_path / "policies.yaml").write_text(text)
    found = await lines({}, tmp_path)
    assert found["policies"].verdict is verdict
    assert told in found["policies"].text
