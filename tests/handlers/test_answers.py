"""Questions are answered from the journal and the cloud, for that person, with nothing forged."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.domain.operation import Actor, Operation, Outcome, Source, State, Wish
from bot.domain.page import Code, Mark, Page, Section, Strong, When, Who, as_mrkdwn, as_plain
from bot.errors import Refused
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.model import Rule
from bot.services.episodes import BEGAN
from tests.handlers.slack_house import House, house

FLEET_GUIDE = Path(__file__).parents[2] / "docs" / "FLEET.md"

ANA, BRUNO, CHEN, DORA = "U0ANA00001", "U0BRUNO001", "U0CHEN0001", "U0DORA0001"


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        yield opened


async def opened(inside: House, **more: str) -> Operation:
    wish = Wish("roll", "app-tier", (("restart", "True"),), **more)
    found, _ = await inside.operations.open_for_person(
        wish, Source.SLACK, Actor(ANA, "ana"), dedupe="one"
    )
    return await inside.plans(found.id)


async def test_help_shows_each_person_what_they_may_say(inside: House) -> None:
    ana, chen, dora = [as_plain(await inside.answers.help(who)) for who in (ANA, CHEN, DORA)]
    assert "/ilb roll TARGET [version=VERSION] [restart]" in ana
    assert "/ilb stop" not in ana
    assert "/ilb stop [REASON]" in chen
    assert "/ilb roll" not in chen
    assert "/ilb roll" not in dora
    assert "The policies do not know you" in dora
    for text in (ana, chen, dora):
        examples = text.partition("For example\n")[2].split("\n\n")[0].splitlines()
        assert len(examples) == 2
        assert all(line.startswith("/ilb ") for line in examples)


async def test_status_shows_every_ilb_what_is_open_and_the_switch(inside: House) -> None:
    found = await opened(inside)
    text = as_plain(await inside.answers.status())
    ilbs, _ = await inside.fleet.ilbs()
    for ilb in ilbs:
        assert ilb.vip in text
        assert f"{ilb.tier.vpc_name}/{ilb.tier.name}" in text
    assert f"{found.id} roll {found.target_name} waits for a decision, asked by Ana" in text
    assert "Changes may start." in text
    assert "poller: looked 3 s ago" in text
    assert max(len(line) for line in text.splitlines()) < 120


@pytest.mark.parametrize(
    ("about", "there", "not_there"),
    [
        ("fra-1", "ledger-tier", "nothing"),
        ("shop-prod", "shop-prod/app-tier", "shop-stage"),
        ("shop-prod/cache-tier", "10.20.4.10", "10.30.4.10"),
        ("web-tier", "web-admin: 8443 → 8443, source, Active, 2 members", "app-tier"),
        ("b-31-VM", "app-http: 80 → 8080, roundrobin, Active, 3 members", "b-32-VM"),
        ("r-4-VM", "r-4-VM · Running · version 4.20.0 · PRIMARY", "r-5-VM"),
    ],
)
async def test_status_is_about_what_was_named(
    inside: House, about: str, there: str, not_there: str
) -> None:
    text = as_plain(await inside.answers.status(about))
    assert there in text
    assert not_there not in text
    assert "Read just now." in text
    assert "poller" not in text


async def test_status_of_nobody_says_what_is_near(inside: House) -> None:
    with pytest.raises(Refused, match="Did you mean `app-tier`"):
        await inside.answers.status("ap-tier")
    with pytest.raises(Refused, match="no internal load balancer in “tools-tier”"):
        await inside.answers.status("tools-tier")


async def test_status_says_how_old_it_is_and_what_stands_in_the_way(inside: House) -> None:
    await inside.answers.status()
    inside.clock.advance(180.0)
    inside.world.fail_next(Fault("listNetworks", FaultKind.ERROR, times=9))
    text = as_plain(await inside.answers.status())
    assert "They cannot be read now" in text
    assert "Read 3 min ago." in text
    assert "shop-prod/app-tier" in text


async def test_status_never_calls_an_ilb_unused(inside: House) -> None:
    for rule in inside.world.all(Rule):
        rule.display = False
    text = as_plain(await inside.answers.status())
    assert "no visible rule: use unknown" in text
    assert "unused" not in text


async def test_status_for_programs_keeps_its_field_names(inside: House) -> None:
    await opened(inside)
    found = await inside.answers.status_document("shop-prod")
    documented = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", FLEET_GUIDE.read_text(), re.MULTILINE))
    assert documented == set(_field_names(found))
    assert json.loads(json.dumps(found)) == found


def _field_names(value: object, above: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            path = f"{above}.{name}" if above else name
            yield path
            yield from _field_names(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from _field_names(inner, f"{above}[]")


async def test_can_says_what_works_what_does_not_and_what_instead(inside: House) -> None:
    text = as_plain(await inside.answers.can("b-31-VM"))
    assert "b-31-VM: ILB VM 10.20.1.10, tier app-tier of VPC shop-prod" in text
    assert "roll b-31-VM plans it" in text
    assert "no redundant ILB VM" in text
    assert "Instead: A second ILB on an address of its own" in text
    assert "b-31-VM (10.20.1.10, Running, 2 visible rules): its rules are sent again" in text


async def test_can_names_the_roles_of_a_pair(inside: House) -> None:
    text = as_plain(await inside.answers.can("shop-prod"))
    assert "VPC router pair of VPC shop-prod" in text
    assert "r-4-VM is PRIMARY (Running) and r-5-VM is BACKUP (Running)" in text
    names = ("roll", "recover", "resize", "migrate")
    assert planned_by(text) == [f"{name} r-4-VM plans it" for name in names]


async def test_can_offers_a_pair_to_a_lone_router(inside: House) -> None:
    text = as_plain(await inside.answers.can("shop-stage"))
    assert "pair r-36-VM plans it" in planned_by(text)


def planned_by(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if "plans it" in line]


async def test_can_gives_one_reason_once(inside: House) -> None:
    text = as_plain(await inside.answers.can("batch-tier"))
    assert text.count("can hang it for good") == 1
    assert "roll b-" not in text


async def test_status_still_answers_when_the_cloud_does_not(inside: House) -> None:
    inside.world.fail_next(Fault("listNetworks", FaultKind.ERROR, times=9))
    text = as_plain(await inside.answers.status())
    assert "They cannot be read now" in text
    assert "Changes may start." in text


async def test_only_an_administrator_stops_and_resumes(inside: House) -> None:
    with pytest.raises(Refused, match="may not administer"):
        await inside.answers.stop(ANA)
    await inside.answers.stop(CHEN, "storage trouble")
    assert await inside.switch.reason() == "Chen stopped all changes: storage trouble"
    with pytest.raises(Refused, match="Nothing starts now"):
        await opened(inside)
    with pytest.raises(Refused, match="may not administer"):
        await inside.answers.resume(ANA)
    await inside.answers.resume(CHEN)
    assert await inside.switch.reason() == ""


async def test_a_stop_tells_what_it_does_not_end(inside: House) -> None:
    found = await opened(inside)
    assert "Nothing, here or in CloudStack." in as_plain(await inside.answers.stop(CHEN))
    await inside.journal.move(found.id, (State.WAITING,), "applying", state=State.APPLYING)
    inside.world.stop_by_hand("b-32-VM")
    text = as_plain(await inside.answers.stop(CHEN))
    assert f"{found.id} roll {found.target_name} is being carried out" in text
    assert "StopInternalLBVMCmd, CloudStack's job " in text


async def test_a_stop_works_while_cloudstack_does_not(inside: House) -> None:
    inside.world.fail_next(Fault("*", FaultKind.BODY, times=30, status=503, text=""))
    text = as_plain(await inside.answers.stop(CHEN))
    assert "CloudStack's jobs are not known: " in text
    assert await inside.switch.reason() == "Chen stopped all changes"


async def test_why_tells_an_operation_from_the_wish_to_the_outcome(inside: House) -> None:
    found = await opened(inside, because="CVE-2026-1")
    await inside.operations.decide(found.id, BRUNO, approve=True, seen=found.fingerprint[:12])
    now = inside.clock.now()
    step = {
        "name": "submit_stop", "arguments": [], "result": "ok", "attempts": 2, "seconds": 1.25,
        "error": "",
    }  # fmt: skip
    await inside.journal.note(found.id, "0001", "step", step)
    await inside.journal.move(
        found.id, (State.APPROVED,), "ended",
        state=State.ENDED, outcome=Outcome.DONE, reason="not measured", ended_at=now,
    )  # fmt: skip
    text = as_plain(await inside.answers.why(found.id))
    assert "Ana, by slack" in text
    assert "because: CVE-2026-1" in text
    assert f"1. Stop {found.target_name}" in text
    assert found.fingerprint[:12] in text
    assert "approved by Bruno" in text
    assert "1. Asked CloudStack to stop it (1.2 s, 2 attempts)" in text
    assert "done, 2027-" in text


async def test_why_tells_what_was_left_alone_and_why(inside: House) -> None:
    ilb = await inside.fleet.find("app-tier")
    assert ilb.vm is not None
    data = {
        "target": ilb.vm.name, "reason": "admin stopped it", "evidence": [], "hint": "stopped",
    }  # fmt: skip
    await inside.journal.note("ilb-stopped:x:y", "", "left alone", data)
    for said in ("app-tier", ilb.vm.name, ilb.vip):
        text = as_plain(await inside.answers.why(said))
        assert "left alone: admin stopped it" in text


async def test_why_of_a_router_tells_what_was_noticed_of_its_place(inside: House) -> None:
    told = {"hint": "a record", "decision": "r-5-VM fails haproxy_check.py"}
    place = {"target": "the routers of VPC shop-prod", **told}
    await inside.journal.note("router-failing:x", "after 0", BEGAN, place)
    for said in ("r-5-VM", "r-4-VM"):
        text = as_plain(await inside.answers.why(said))
        assert "a record → r-5-VM fails haproxy_check.py" in text


async def test_why_of_something_unknown_says_so(inside: House) -> None:
    with pytest.raises(Refused, match="No ILB, tier, router or VPC"):
        await inside.answers.why("991231-235959-abcd")
    with pytest.raises(Refused, match="Nothing is on record"):
        await inside.answers.why("ledger-tier")


def test_a_page_is_escaped_in_slack_and_bare_in_a_terminal() -> None:
    row = (
        Mark("x", "!"), " ", Strong("*<!here>*"), " ", Code("a`b"), " ", Who("U0ANA00001", "Ana"),
        " ", Who("policy <1>", "policy <1>"), " ", When(0.0), " \x1b[2J",
    )  # fmt: skip
    page = Page("T & t", (Section("", (row,)),))
    assert as_mrkdwn(page) == (
        "*T &amp; t*\n\n:x: *∗&lt;!here&gt;∗* `aʼb` <@U0ANA00001> policy &lt;1&gt; "
        "<!date^0^{date_short_pretty} {time_secs}|1970-01-01 00:00:00 UTC> \x1b[2J"
    )
    assert as_plain(page) == (
        "T & t\n\n! *<!here>* a`b Ana policy <1> 1970-01-01 00:00:00 UTC  [2J"
    )


async def test_why_answers_for_a_host_and_for_a_machine_that_is_gone(inside: House) -> None:
    """Neither is a target of anything, and both have decisions on record."""
    journal = inside.journal
    for name in ("kvm-b2", "b-99-VM"):
        told = {"target": name, "hint": "busy", "decision": f"left alone: {name} is calm"}
        await journal.note(f"cpu:{name}", "", "decided", told)
    for name in ("KVM-B2", "b-99-VM"):
        text = as_plain(await inside.answers.why(name))
        assert f"left alone: {name.replace('KVM-B2', 'kvm-b2')} is calm" in text
    with pytest.raises(Refused):
        await inside.answers.why("kvm-x9")
