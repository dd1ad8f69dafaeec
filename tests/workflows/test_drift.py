"""What somebody changes in a tier that ilbot provisioned is found, told once, and left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.card import Card
from bot.domain.operation import Outcome
from bot.domain.page import as_plain
from bot.sandbox.cloud import Fault, FaultKind
from bot.services.drift import DriftWatch, TierDrift, drift_page
from bot.services.drift_report import DriftReport
from bot.services.journal import Journal
from tests.services.bulletin import CHANNEL, Bulletin
from tests.workflows.harness import House, house
from tests.workflows.scenarios import NEW_ILB

pytestmark = pytest.mark.slow

DB, CACHE = "shop-prod/db-tier", "shop-prod/cache-tier"
CACHE_SPEC = """
tier: shop-prod/cache-tier
ilbs:
  - services:
      - {name: extra, members: [cache-1], rules: [{port: 7000}]}
"""


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as opened:
        assert (await opened.do("provision", DB, spec=NEW_ILB)).outcome is Outcome.DONE
        yield opened


def watching(home: House) -> DriftWatch:
    return DriftWatch(home.fleet, home.journal)


async def drift_of(home: House, tier: str = DB) -> TierDrift:
    (found,) = await watching(home).of(tier)
    return found


def reporting(home: House, chat: Bulletin) -> DriftReport:
    return DriftReport(watching(home), home.journal, chat, channel=CHANNEL, command="/ilb")


def words(card: Card) -> str:
    return "\n".join([card.title, *card.body])


@pytest.mark.parametrize("is_deployed_anew", [False, True])
async def test_an_offering_that_a_new_machine_forgot_is_told(is_deployed_anew: bool) -> None:
    async with house() as home:
        assert (await home.do("resize", "b-31-VM", offering="ILB large")).outcome is Outcome.DONE
        if is_deployed_anew:
            home.cloud.lose_ilb_vm("b-31-VM")
            assert (await home.do("recover", "10.20.1.10")).outcome is Outcome.DONE
        (found,) = await watching(home).of()
        name = home.vm_at("10.20.1.10")
        told = f"{name} (10.20.1.10) has the offering System Offering For Internal LB VM"
        assert [one.startswith(told) for one in found.lines] == [True] * is_deployed_anew


async def test_the_newest_offering_counts() -> None:
    async with house() as home:
        for name in ("ILB large", "System Offering For Internal LB VM"):
            assert (await home.do("resize", "b-31-VM", offering=name)).outcome is Outcome.DONE
        (found,) = await watching(home).of("app-tier")
        assert found.lines == ()


async def test_nothing_differs_after_a_change_of_ours(home: House) -> None:
    found = await drift_of(home)
    assert (found.lines, found.trouble) == ((), "")
    assert found.against.startswith("the spec of ")
    assert "nothing differs" in as_plain(drift_page((found,), "/ilb"))


async def test_what_somebody_changed_is_said_rule_by_rule(home: House) -> None:
    home.cloud.drift_rule("orders-80", without="db-2")
    found = await drift_of(home)
    assert found.lines == ("10.20.3.4:80: somebody else changed it: members - db-2",)


async def test_a_rule_that_is_gone_is_drift(home: House) -> None:
    home.rule("orders-81").removed = True
    (line,) = (await drift_of(home)).lines
    assert line.startswith("10.20.3.4:81 is gone: ")


async def test_what_was_there_and_left_alone_is_no_drift_and_what_came_later_is(
    home: House,
) -> None:
    shared = CACHE_SPEC.replace("services:", "vip: 10.20.4.10\n    services:")
    assert (await home.do("provision", CACHE, spec=shared)).outcome is Outcome.DONE
    assert (await drift_of(home, CACHE)).lines == ()
    home.cloud.drift_rule("cache", source_port=6380)
    assert (await drift_of(home, CACHE)).lines == ("10.20.4.10:6380: cache, not in the spec",)


async def test_a_rule_of_an_earlier_spec_is_watched_as_well(home: House) -> None:
    again = await home.do("provision", DB, spec=CACHE_SPEC.replace("cache", "db"))
    assert again.outcome is Outcome.DONE, again.reason
    assert (await drift_of(home)).lines == ()
    home.cloud.drift_rule("orders-80", algorithm="source")
    assert (await drift_of(home)).lines == (
        "10.20.3.4:80: somebody else changed it: algorithm roundrobin → source",
    )
    home.rule("orders-81").removed = True
    gone, changed = (await drift_of(home)).lines[::-1]
    assert (gone.split(": ")[0], changed.split(": ")[0]) == ("10.20.3.4:81 is gone", "10.20.3.4:80")


async def test_a_vip_whose_rules_are_all_gone_is_missed_on_the_address_it_had(home: House) -> None:
    await home.do("provision", DB, spec=CACHE_SPEC.replace("cache", "db"))
    for name in ("orders-80", "orders-81"):
        home.rule(name).removed = True
    lines = (await drift_of(home)).lines
    assert [line.split(": ")[0] for line in lines] == [
        "10.20.3.4:80 is gone", "10.20.3.4:81 is gone",
    ]  # fmt: skip


async def test_a_later_spec_of_the_same_place_is_the_one_in_force(home: House) -> None:
    other = NEW_ILB.replace("port: 80, to: 8080", "port: 80, to: 8090")
    assert other != NEW_ILB
    assert (await home.do("provision", DB, spec=other)).outcome is Outcome.DONE
    assert (await drift_of(home)).lines == ()


async def test_what_a_later_spec_took_away_is_not_missed(home: House) -> None:
    less = (
        f"tier: {DB}\nilbs: [{{services: [{{name: orders, rules: [{{port: 81, absent: true}}]}}]}}]"
    )
    assert (await home.do("provision", DB, spec=less)).outcome is Outcome.DONE
    found = await drift_of(home)
    assert found.lines == ()
    assert found.against.endswith(" and what is in force of an earlier one")
    home.rule("orders-80").removed = True
    assert [line.split(": ")[0] for line in (await drift_of(home)).lines] == [
        "10.20.3.4:80 is gone"
    ]


async def test_a_member_that_is_gone_is_told_and_the_rest_is_compared(home: House) -> None:
    await home.do("provision", DB, spec=CACHE_SPEC.replace("cache", "db"))
    home.cloud.machine("db-2").removed = True
    home.rule("db-read").members.pop()
    home.rule("extra-7000").removed = True
    lines = (await drift_of(home)).lines
    assert any("names the member db-2, and no VM" in line for line in lines)
    assert any(line.startswith("10.20.3.5:7000 is gone") for line in lines)


async def test_without_the_journal_the_tags_on_the_rules_tell(home: House, tmp_path: Path) -> None:
    home.cloud.drift_rule("orders-80", algorithm="source")
    empty = Journal(f"sqlite:///{tmp_path / 'journal.db'}", home.clock)
    await empty.open()
    (found,) = await DriftWatch(home.fleet, empty).of()
    await empty.close()
    assert found.against == "the tags ilbot left on its rules"
    assert found.lines == ("10.20.3.4:80: somebody changed it since ilbot applied it",)


async def test_only_tiers_that_ilbot_provisioned_are_watched(home: House) -> None:
    assert [one.tier.name for one in await watching(home).of()] == ["db-tier"]
    await home.do("provision", CACHE, spec=CACHE_SPEC)
    assert {one.tier.name for one in await watching(home).of()} == {"db-tier", "cache-tier"}


async def test_a_tier_that_cannot_be_looked_at_is_trouble_and_not_drift(home: House) -> None:
    home.cloud.fail_next(Fault("listLBStickinessPolicies", FaultKind.ERROR, times=100))
    found = await drift_of(home)
    assert (found.lines, "could not be looked at" in found.trouble) == ((), True)


async def test_nothing_is_reported_while_nothing_differs(home: House) -> None:
    chat = Bulletin()
    await reporting(home, chat).tell()
    assert chat.posts == []


async def test_drift_is_reported_once_and_again_when_it_is_another(home: House) -> None:
    chat = Bulletin()
    report = reporting(home, chat)
    home.cloud.drift_rule("orders-80", algorithm="source")
    await report.tell()
    await report.tell()
    assert len(chat.posts) == 1
    assert "1 tier differs" in chat.posts[0].summary
    assert "10.20.3.4:80: somebody else changed it" in words(chat.posts[0])
    home.cloud.drift_rule("orders-81", algorithm="source")
    await report.tell()
    assert "10.20.3.4:81" in words(chat.posts[1])


async def test_its_end_is_told_too(home: House) -> None:
    chat = Bulletin()
    home.cloud.drift_rule("orders-80", algorithm="source")
    await reporting(home, chat).tell()
    home.cloud.drift_rule("orders-80", algorithm="roundrobin")
    await reporting(home, chat).tell()
    assert "No tier differs" in words(chat.posts[1])
    await reporting(home, chat).tell()
    assert len(chat.posts) == 2


async def test_a_look_that_failed_ends_no_drift(home: House) -> None:
    chat = Bulletin()
    home.cloud.drift_rule("orders-80", algorithm="source")
    await reporting(home, chat).tell()
    home.cloud.fail_next(Fault("listLBStickinessPolicies", FaultKind.ERROR, times=100))
    await reporting(home, chat).tell()
    assert len(chat.posts) == 1


async def test_a_report_that_was_not_delivered_is_told_later(home: House) -> None:
    chat = Bulletin(failures=[ConnectionError("gone")])
    home.cloud.drift_rule("orders-80", algorithm="source")
    with pytest.raises(ConnectionError):
        await reporting(home, chat).tell()
    await reporting(home, chat).tell()
    assert len(chat.posts) == 1


async def test_the_report_of_many_tiers_fits_one_message(home: House) -> None:
    chat = Bulletin()
    for name in ("orders-80", "orders-81"):
        home.cloud.drift_rule(name, algorithm="source")
    await reporting(home, chat).tell()
    assert all(len(part) <= 3000 for part in chat.posts[0].body)
    assert words(chat.posts[0]).count("•") == 2
