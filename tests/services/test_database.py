"""The database the tests run on is a real one, fresh for each test, and DBOS launches on it."""

import uuid

import pytest
import sqlalchemy as sa
from dbos import DBOS, DBOSConfig


@pytest.mark.parametrize("attempt", ["first", "second"])
def test_each_test_finds_its_database_empty(postgres_url: str, attempt: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE ilb (name text PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO ilb VALUES (:name)"), {"name": attempt})
        assert connection.scalars(sa.text("SELECT name FROM ilb")).all() == [attempt]
    engine.dispose()


def test_dbos_launches_and_runs_a_workflow_on_it(postgres_url: str) -> None:
    config: DBOSConfig = {
        "name": "smoke",
        "system_database_url": postgres_url,
        "executor_id": uuid.uuid4().hex,
        "application_version": "1",
        "log_level": "WARNING",
    }
    DBOS(config=config)
    try:

        @DBOS.workflow()
        def double(n: int) -> int:
            return n * 2

        DBOS.launch()
        assert double(21) == 42
        assert [run.status for run in DBOS.list_workflows()] == ["SUCCESS"]
    finally:
        DBOS.destroy(destroy_registry=True)
