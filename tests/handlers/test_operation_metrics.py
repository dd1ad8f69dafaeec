"""What is counted of operations comes from the journal, and a journal that is away is not zero."""

from __future__ import annotations

from prometheus_client.core import Metric

from bot.domain.operation import State
from handlers.operation_metrics import OperationMetrics
from tests.workflows.harness import House, house


def numbers_of(home: House) -> OperationMetrics:
    return OperationMetrics(home.journal, home.switch, lambda: 2, lambda: 1.5)


def shown(metrics: list[Metric]) -> dict[str, float]:
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for metric in metrics
        for sample in metric.samples
    }


async def test_operations_are_counted_by_state_and_by_source_and_outcome() -> None:
    async with house() as home:
        await home.do("roll", "b-31-VM")
        waiting = await home.ask("roll", "b-32-VM")
        assert waiting.state is State.WAITING
        numbers = shown(await numbers_of(home)())
        assert numbers["ilbot_operations_total slack done"] == 1
        assert numbers["ilbot_operations_open waiting"] == 1
        assert numbers["ilbot_operations_open applying"] == 0
        assert numbers["ilbot_cards_behind"] == 2
        assert numbers["ilbot_poll_age_seconds"] == 1.5


async def test_a_restart_sets_nothing_back() -> None:
    async with house() as home:
        await home.do("roll", "b-31-VM")
        await home.shut()
        await home.boot()
        assert shown(await numbers_of(home)())["ilbot_operations_total slack done"] == 1


async def test_the_stop_switch_shows() -> None:
    async with house() as home:
        assert shown(await numbers_of(home)())["ilbot_stopped"] == 0
        await home.switch.set("Bruno")
        assert shown(await numbers_of(home)())["ilbot_stopped"] == 1


async def test_of_a_journal_that_is_away_nothing_is_told_but_that_all_is_stopped() -> None:
    async with house() as home:
        home.journal._database.dispose()
        (home.folder / "journal.db").unlink()
        (home.folder / "journal.db").mkdir()
        numbers = shown(await numbers_of(home)())
        assert not [name for name in numbers if name.startswith("ilbot_operations")]
        assert numbers["ilbot_stopped"] == 1
        assert numbers["ilbot_cards_behind"] == 2
