"""The wait for other clients to go, before what serves them is taken out of service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from bot.domain.counted import QUIET_S, Drain
from bot.domain.operation import Operation, Outcome
from bot.engine.memory import Death, Point
from bot.sandbox.cloud.counters import VISIBILITY
from bot.services.traffic import evidence_in, in_lines
from tests.workflows.harness import House, house
from tests.workflows.test_pair import TWIN, VIP, VM
from tests.workflows.test_roll_ways import NEW, OLD
from workflows.steps import probe

pytestmark = pytest.mark.slow

PORT = 80
STOP = "stopInternalLoadBalancerVM"
DELETE = "deleteLoadBalancer"
WAIT = (
    "Wait until no other client uses {vip}, 60 s at most, where HAProxy's stats page shows it; who "
    "is still connected then is cut"
)


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        yield one


@pytest.fixture
async def twins(home: House) -> House:
    """app-tier's ILB and a twin, both at the old version."""
    done = await home.do("pair", VM)
    assert done.outcome is Outcome.DONE, done.reason
    twin = home.vm(home.vm_at(TWIN))
    twin.version, twin.disk = OLD, home.vm(VM).disk
    return home


async def told(home: House, found: Operation) -> list[str]:
    """Return what the receipt says of quiet."""
    seen = evidence_in(await home.journal.notes(found.id))
    assert seen is not None
    return [line for line in in_lines(seen) if " was left alone " in line]


def when(home: House, command: str, vip: str = "") -> list[float]:
    """Keep the moments at which a command is first sent, and how many clients were there then."""
    moments: list[float] = []

    def look(sent: str) -> None:
        if sent == command and not moments:
            rows = home.cloud.counters.page(vip, home.clock.now()) or {}
            moments.extend([home.clock.now(), float(rows[PORT].open)])

    home.wire.before = look
    return moments


def quiet(vip: str) -> str:
    return f"{vip} was left alone until it was quiet: nobody else for "


def not_quiet(vip: str, count: int) -> str:
    connections = (
        "1 connection of others was" if count == 1 else f"{count} connections of others were"
    )
    return f"{vip} was left alone and did not get quiet: {connections} open at the end of the wait."


# roll over a temporary twin


async def test_it_is_stopped_once_its_clients_are_gone(home: House) -> None:
    seen = when(home, STOP, VIP)
    home.cloud.open_sessions(VIP, PORT, 3, seconds=60.0)
    until = home.clock.now() + 60.0
    done = await home.do("roll", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert seen[0] >= until + QUIET_S - 1.0
    assert seen[1] == 0.0
    assert [line.startswith(quiet(vip)) for line, vip in zip(
        await told(home, done), (VIP, TWIN), strict=True
    )] == [True, True]  # fmt: skip


async def test_clients_that_never_go_are_cut_at_the_deadline_and_counted(home: House) -> None:
    seen = when(home, STOP, VIP)
    home.cloud.open_sessions(VIP, PORT, 3)
    asked = await home.ask("roll", VM)
    steps = [one.text for one in (await home.plan(asked)).steps]
    assert steps.index(WAIT.format(vip=VIP)) == steps.index(f"Stop {VM}") - 1
    assert WAIT.format(vip=TWIN) in steps
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert home.vm(VM).version == NEW
    assert seen[1] == 3.0
    assert (await told(home, done))[0] == not_quiet(VIP, 3)


async def test_the_temporary_twin_goes_when_its_own_clients_are_gone(home: House) -> None:
    seen = when(home, DELETE, TWIN)

    def look(command: str) -> None:
        if command == STOP:
            home.cloud.open_sessions(TWIN, PORT, 2)
        keep(command)

    keep = home.wire.before
    home.wire.before = look
    done = await home.do("roll", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert (await told(home, done))[1] == not_quiet(TWIN, 2)
    assert seen[1] == 2.0


async def test_where_the_page_is_not_visible_nothing_is_waited_for_or_claimed(home: House) -> None:
    home.cloud.settings[VISIBILITY].value = "link-local"
    home.cloud.open_sessions(VIP, PORT, 3)
    before = home.clock.now()
    done = await home.do("roll", VM)
    unseen_s = home.clock.now() - before
    assert done.outcome is Outcome.DONE, done.reason
    assert await told(home, done) == []
    seen = evidence_in(await home.journal.notes(done.id))
    assert seen is not None
    assert f"what other clients did at {VIP}:80" in in_lines(seen)[-1]
    async with house(named=True, watched=True) as other:
        other.cloud.open_sessions(VIP, PORT, 3)
        await other.do("roll", VM)
        assert other.clock.now() - before > unseen_s + 60.0


async def test_a_wait_that_a_death_interrupts_is_waited_again(home: House) -> None:
    home.cloud.open_sessions(VIP, PORT, 3, seconds=60.0)
    asked = await home.ask("roll", VM)
    steps = await steps_of_a_roll()
    home.engine.death = home.death = Death(steps.index("drained"), Point.BEFORE_RECORD)
    done = await home.approve(asked)
    assert home.deaths == 1
    assert done.outcome is Outcome.DONE, done.reason
    assert (await told(home, done))[0].startswith(quiet(VIP))


async def steps_of_a_roll() -> list[str]:
    async with house(named=True, watched=True) as other:
        done = await other.do("roll", VM)
        journal = other.store.runs[done.apply_run].journal
        return [name.partition(".")[2] for name, _ in journal]


async def test_a_stop_is_heard_while_it_waits(home: House) -> None:
    home.cloud.open_sessions(VIP, PORT, 3)
    seen = when(home, STOP, VIP)
    drain = home.desk.drain

    async def stopped(run_id: str, vip: str, ports: Sequence[int] = ()) -> Drain:
        (home.folder / "STOP").touch()
        return await drain(run_id, vip, ports)

    home.desk.drain = stopped  # type: ignore[method-assign]  # somebody stops it in the wait
    ended = await home.do("roll", VM)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert seen == []
    assert home.vm(VM).version == OLD


# twins


async def test_each_of_twins_waits_for_its_own_clients(twins: House) -> None:
    twins.cloud.open_sessions(VIP, PORT, 4)
    twins.cloud.open_sessions(TWIN, PORT, 1, seconds=5.0)
    asked = await twins.ask("roll", VM)
    steps = [one.text for one in (await twins.plan(asked)).steps]
    assert steps.index(WAIT.format(vip=VIP)) == steps.index(f"Stop {VM}") - 1
    done = await twins.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    first, second = sorted(await told(twins, done))
    assert first == not_quiet(VIP, 4)
    assert second.startswith(quiet(TWIN))


async def test_unpair_waits_for_the_clients_of_the_twin(twins: House) -> None:
    seen = when(twins, DELETE, TWIN)
    twins.cloud.open_sessions(TWIN, PORT, 1)
    asked = await twins.ask("unpair", VM)
    assert WAIT.format(vip=TWIN) in [one.text for one in (await twins.plan(asked)).steps]
    done = await twins.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert await told(twins, done) == [not_quiet(TWIN, 1)]
    assert seen[1] == 1.0


async def test_without_a_vantage_point_no_wait_is_planned() -> None:
    async with house(named=True) as home:
        asked = await home.ask("roll", VM)
        steps = [one.text for one in (await home.plan(asked)).steps]
        assert not any(text.startswith("Wait until no other client") for text in steps)


def test_the_wait_for_clients_is_none_of_the_bots_own_time() -> None:
    assert probe.drained.waits
