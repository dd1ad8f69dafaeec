"""resize, for ILBs: beside a temporary twin, as one of twins, and in the open; and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from bot.domain.operation import Outcome
from bot.sandbox.cloud.model import Refusal, ServiceOffering
from bot.sandbox.cloud.traffic import Behaviour
from bot.sandbox.dns.nameserver import Nameserver
from bot.sandbox.dns.seed import APP_TTL_S, demo_nameserver
from bot.services.operations import plan_of
from tests.workflows.harness import House, house
from tests.workflows.paired import TWIN, VIP, VM, paired
from tests.workflows.test_pair import marks, published, rules
from tests.workflows.test_roll_ways import lost

pytestmark = pytest.mark.slow

SMALL, LARGE, OF_ROUTERS = "System Offering For Internal LB VM", "ILB large", "Router large"
START, STOP, CHANGE = (
    "startInternalLoadBalancerVM", "stopInternalLoadBalancerVM", "changeServiceForRouter",
)  # fmt: skip


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        yield one


@pytest.fixture
async def twins(home: House) -> House:
    paired(home)
    return home


def offering(home: House, name: str) -> str:
    return home.vm(name).offering.name


def at(home: House, *commands: str) -> list[tuple[str, list[str]]]:
    """Return a list that fills with what the name led to whenever one of these was asked."""
    seen: list[tuple[str, list[str]]] = []

    def look(command: str) -> None:
        if command in commands:
            seen.append((command, published(home)))

    home.wire.before = look
    return seen


def refuse_starts(home: House, times: int, when: Callable[[], bool]) -> None:
    """Let CloudStack refuse so many starts from the moment on."""
    left = [times]

    def look(command: str) -> None:
        if command == START and left[0] and when():
            left[0] -= 1
            home.cloud.refuse_next(Refusal.START, 1)

    home.wire.before = look


# beside a temporary twin


async def test_a_single_ilb_with_a_name_gets_it_without_a_lost_connection(home: House) -> None:
    before = rules(home, VIP)
    asked = await home.ask("resize", VM, offering=LARGE)
    planned = plan_of(asked)
    assert planned.exposure.seconds == 0.0
    assert planned.summary == (
        f"Resize {VM} from {SMALL} (1 × 256 MHz, 512 MB) to {LARGE} (2 × 1000 MHz, 1024 MB), "
        "beside a temporary twin"
    )
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert offering(home, VM) == LARGE
    assert await lost(home, done.id) == 0
    assert (published(home), rules(home, VIP), rules(home, TWIN)) == ([VIP], before, [])
    assert marks(home) == set()


async def test_the_twin_is_as_large_before_the_name_moves_to_it(home: House) -> None:
    seen = at(home, STOP, CHANGE, START)
    await home.do("resize", VM, offering=LARGE)
    on_the_twin = [(one, [VIP]) for one in (STOP, CHANGE, START)]
    on_the_ilb = [(one, [TWIN]) for one in (STOP, CHANGE, START)]
    assert seen == on_the_twin + on_the_ilb


async def test_a_twin_that_comes_with_the_offering_is_not_stopped(home: House) -> None:
    home.vm(VM).offering = home.cloud.one(ServiceOffering, LARGE)
    asked = await home.ask("resize", VM, offering=SMALL)
    assert not any("Give the twin" in one.text for one in plan_of(asked).steps)
    seen = at(home, STOP)
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert (seen, offering(home, VM)) == ([(STOP, [TWIN])], SMALL)


async def test_where_no_host_has_room_everything_is_as_before(home: House) -> None:
    before = rules(home, VIP)
    refuse_starts(home, 3, lambda: published(home) == [TWIN])
    ended = await home.do("resize", VM, offering=LARGE)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert (offering(home, VM), home.vm(VM).state) == (SMALL, "Running")
    assert (published(home), rules(home, VIP), rules(home, TWIN)) == ([VIP], before, [])
    assert marks(home) == set()
    assert await lost(home, ended.id) == 0


async def test_one_that_never_starts_again_leaves_its_traffic_with_the_twin(home: House) -> None:
    refuse_starts(home, 99, lambda: published(home) == [TWIN])
    ended = await home.do("resize", VM, offering=LARGE)
    assert ended.outcome is Outcome.PARKED
    assert f"{TWIN} carries its traffic meanwhile" in ended.reason
    assert published(home) == [TWIN]


class Telling(Nameserver):
    """A nameserver that tells of every answer it gave."""

    told: Callable[[], None] | None = None

    def answer(self, wire: bytes, *, tcp: bool = False) -> bytes:
        said = super().answer(wire, tcp=tcp)
        if self.told:
            self.told()
        return said


async def test_a_loss_after_the_move_back_leads_its_clients_away_before_it_is_stopped() -> None:
    names = Telling(**vars(demo_nameserver()))
    async with house(named=True, watched=True, nameserver=names) as home:
        seen = [(0.0, [VIP])]
        stops: list[tuple[float, list[str]]] = []

        def watch() -> None:
            if published(home) != seen[-1][1]:
                seen.append((home.clock.now(), published(home)))
                if [one for _, one in seen] == [[VIP], [TWIN], [VIP]]:
                    home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=20.0)

        def look(command: str) -> None:
            if command == STOP:
                stops.append((home.clock.now(), published(home)))

        names.told, home.wire.before = watch, look
        ended = await home.do("resize", VM, offering=LARGE)
        assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
        assert [one for _, one in seen] == [[VIP], [TWIN], [VIP], [TWIN], [VIP]]
        at_, led = stops[-1]
        assert led == [TWIN]
        assert at_ - seen[3][0] >= APP_TTL_S, "clients have looked the name up again"
        assert (offering(home, VM), rules(home, TWIN)) == (SMALL, [])


# in the open


async def test_without_a_name_the_outage_is_stated_and_measured() -> None:
    async with house(watched=True) as home:
        asked = await home.ask("resize", VM, offering=LARGE)
        planned = plan_of(asked)
        assert planned.parameter("way") == "outage"
        assert planned.exposure.what.startswith(VIP)
        assert planned.exposure.evidence
        done = await home.approve(asked)
        assert done.outcome is Outcome.DONE, done.reason
        assert offering(home, VM) == LARGE
        assert await lost(home, done.id) > 0


async def test_one_that_does_not_answer_again_is_not_done() -> None:
    async with house(watched=True) as home:

        def silent(command: str) -> None:
            if command == START:
                home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=9000.0)

        home.wire.before = silent
        ended = await home.do("resize", VM, offering=LARGE)
        assert ended.outcome is Outcome.FAILED, ended.reason
        assert f"prove {VIP}: it was not seen to answer" in ended.reason
        assert f"done and kept: {VM} was resized" in ended.reason


async def test_one_that_did_not_answer_before_is_resized_all_the_same() -> None:
    async with house(watched=True) as home:
        home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=9000.0)
        done = await home.do("resize", VM, offering=LARGE)
        assert done.outcome is Outcome.DONE, done.reason


async def test_an_outage_may_be_asked_for(home: House) -> None:
    asked = await home.ask("resize", VM, offering=LARGE, outage="True")
    assert plan_of(asked).parameter("way") == "outage"


async def test_one_that_does_not_start_with_it_starts_with_the_old_one() -> None:
    async with house(watched=True) as home:
        refuse_starts(home, 3, lambda: True)
        ended = await home.do("resize", VM, offering=LARGE)
        assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
        assert (offering(home, VM), home.vm(VM).state) == (SMALL, "Running")


async def test_rules_that_changed_meanwhile_cost_no_second_outage() -> None:
    async with house(watched=True) as home:
        stops = at(home, STOP)

        def drift(command: str) -> None:
            if command == START:
                home.cloud.drift_rule("app-http", without="app-3")
            elif command == STOP:
                stops.append((STOP, []))

        home.wire.before = drift
        ended = await home.do("resize", VM, offering=LARGE)
        assert ended.outcome is Outcome.FAILED, ended.reason
        assert f"done and kept: {VM} was resized" in ended.reason
        assert (offering(home, VM), len(stops)) == (LARGE, 1)


# twins


async def test_twins_get_it_one_after_the_other_without_a_lost_connection(twins: House) -> None:
    other = twins.vm_at(TWIN)
    asked = await twins.ask("resize", VM, offering=LARGE)
    assert plan_of(asked).summary.startswith(f"Resize {other} and {VM} from {SMALL}")
    seen = at(twins, STOP)
    done = await twins.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert [offering(twins, one) for one in (VM, other)] == [LARGE, LARGE]
    assert seen == [(STOP, [VIP]), (STOP, [TWIN])]
    assert await lost(twins, done.id) == 0
    assert sorted(published(twins)) == sorted([VIP, TWIN])


async def test_only_the_twin_that_has_another_one_is_resized(twins: House) -> None:
    twins.vm(twins.vm_at(TWIN)).offering = twins.cloud.one(ServiceOffering, LARGE)
    seen = at(twins, STOP)
    done = await twins.do("resize", VM, offering=LARGE)
    assert done.outcome is Outcome.DONE, done.reason
    assert seen == [(STOP, [TWIN])]


async def test_a_first_twin_that_does_not_come_up_gets_the_old_one_and_spares_the_second(
    twins: House,
) -> None:
    refuse_starts(twins, 3, lambda: True)
    ended = await twins.do("resize", VM, offering=LARGE)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert [offering(twins, one) for one in (VM, twins.vm_at(TWIN))] == [SMALL, SMALL]
    assert sorted(published(twins)) == sorted([VIP, TWIN])


async def test_a_twin_that_does_not_answer_is_left_by_its_clients_and_gets_the_old_one(
    twins: House,
) -> None:
    other = twins.vm_at(TWIN)

    def look(command: str) -> None:
        if command == START and offering(twins, other) == LARGE:
            twins.cloud.lose_connections(TWIN, 80, Behaviour.REFUSES, seconds=900.0)

    twins.wire.before = look
    ended = await twins.do("resize", VM, offering=LARGE)
    assert ended.outcome in {Outcome.ROLLED_BACK, Outcome.PARKED}, ended.reason
    assert offering(twins, other) == SMALL
    assert offering(twins, VM) == SMALL
    assert VIP in published(twins)


# what is asked for


async def test_the_offering_it_has_is_nothing_to_do(home: House) -> None:
    ended = await home.ask("resize", VM, offering=SMALL)
    assert ended.outcome is Outcome.NOTHING_TO_DO
    assert ended.reason == f"{VM} has the offering {SMALL} (1 × 256 MHz, 512 MB) already."


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (OF_ROUTERS, f"{OF_ROUTERS} is made for a router, not for an ILB VM"),
        ("Small Instance", "CloudStack shows no system offering “Small Instance”"),
        ("huge", "CloudStack shows no system offering “huge”"),
    ],
)
async def test_an_offering_that_is_not_for_it_is_refused_with_those_that_are(
    home: House, asked: str, why: str
) -> None:
    ended = await home.ask("resize", VM, offering=asked)
    assert ended.outcome is Outcome.REFUSED
    assert why in ended.reason
    assert (
        f"Choose one of: {LARGE} (2 × 1000 MHz, 1024 MB) and {SMALL} (1 × 256 MHz, 512 MB)."
    ) in ended.reason


async def test_an_offering_goes_by_its_id_too(home: House) -> None:
    one = home.cloud.one(ServiceOffering, LARGE)
    asked = await home.ask("resize", VM, offering=one.id)
    assert plan_of(asked).parameter("offering name") == LARGE


async def test_an_offering_that_is_gone_before_the_approval_changes_nothing(home: House) -> None:
    asked = await home.ask("resize", VM, offering=LARGE)
    home.cloud.one(ServiceOffering, LARGE).removed = True
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.STALE, ended.reason
    assert offering(home, VM) == SMALL


async def test_a_plan_says_what_its_start_renews_and_what_it_loses(home: House) -> None:
    home.vm(VM).offering = home.cloud.one(ServiceOffering, LARGE)
    planned = plan_of(await home.ask("resize", VM, offering=SMALL))
    assert (
        f"{VM} gets less than it has: 256 instead of 2000 MHz in all and 512 instead of 1024 MB."
        in (planned.warnings)
    )
    assert any("renews the disk" in one and "for good" in one for one in planned.warnings)
    assert any("deploys a machine anew" in one for one in planned.warnings)


async def test_a_name_that_leads_elsewhere_too_leaves_the_outage(home: House) -> None:
    home.nameserver.zone.set_record("app.shop.internal", 5, "A", VIP, "10.20.1.99")
    ended = await home.ask("resize", VM, offering=LARGE)
    assert ended.outcome is Outcome.REFUSED
    assert "10.20.1.99 is not this ILB" in ended.reason
    assert ended.reason.endswith("Or take the outage: `outage`.")
    asked = await home.ask("resize", VM, offering=LARGE, outage="True")
    assert plan_of(asked).parameter("way") == "outage"


async def test_a_plan_says_how_long_a_name_is_remembered(home: House) -> None:
    home.nameserver.zone.set_record("app.shop.internal", 7200, "A", VIP)
    planned = plan_of(await home.ask("resize", VM, offering=LARGE))
    assert any("The TTL of app.shop.internal is 2 h 0 min" in one for one in planned.warnings)


async def test_one_that_is_stopped_is_recovered_first(home: House) -> None:
    home.cloud.power_off(VM)
    home.later(200.0)
    ended = await home.ask("resize", VM, offering=LARGE)
    assert ended.outcome is Outcome.REFUSED
    assert f"`recover {VM}`" in ended.reason
