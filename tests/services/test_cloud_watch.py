"""A restart of CloudStack pauses what is automatic for one window, and is one incident."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.bus import RecordKind
from bot.domain.observation import Hint, Observation, TargetType
from bot.domain.operation import Mode, Outcome, State
from bot.domain.page import as_plain
from bot.errors import Away, Transient
from bot.sandbox.cloud import Fault, FaultKind
from bot.services.account import account_of
from bot.services.answers import Answers, Sources
from bot.services.card_writer import CardWriter, Telling
from bot.services.cloud_news import CloudNews
from bot.services.cloud_watch import AWAY, BACK, CLOUD, OUTDATED, WINDOW_S
from bot.services.incidents import Desk, Incidents
from tests.services.bulletin import CHANNEL, Bulletin
from tests.workflows.harness import RUNBOOKS, House, house
from workflows.words import Words

VM = "b-31-VM"
OUTAGE_S = 90.0


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        await made.watch.look()
        yield made


def desk(home: House) -> Incidents:
    return Incidents(
        Desk(
            home.journal, home.operations, home.fleet, home.fleet._cloud,
            lambda: home.policies, home.clock, home.watch,
        )
    )  # fmt: skip


def restart(home: House) -> None:
    home.cloud.restart_server(OUTAGE_S, refuses_connections=True)
    home.later(OUTAGE_S + 1)


def server_is_up(home: House) -> Observation:
    at = datetime.fromtimestamp(home.clock.now(), UTC)
    words = "Management server node 127.0.0.1 is up"
    return Observation(
        Hint.CLOUD_RESTARTED, TargetType.CLOUD, "", "127.0.0.1", at, words, RecordKind.ALERT
    )


async def incidents(home: House) -> list[tuple[str, dict[str, Any]]]:
    """Return the kinds and the data of what was noted, oldest first."""
    notes = await home.journal.newest_notes(*CLOUD, limit=50)
    return [(note.kind, note.data) for note in reversed(notes)]


async def test_a_cloud_that_stays_as_it_is_pauses_nothing(home: House) -> None:
    home.later(3600)
    assert await home.watch.pause() == ""
    assert await incidents(home) == []


async def test_a_restart_between_two_looks_is_seen_by_its_start_time(home: House) -> None:
    restart(home)
    assert "CloudStack restarted (localhost)" in await home.watch.pause()
    assert [kind for kind, _ in await incidents(home)] == [BACK]


async def test_an_automatic_wish_becomes_a_question_after_a_restart(home: House) -> None:
    home.cloud.power_off(VM)
    home.later(200)
    restart(home)
    asked = await home.incident("recover", VM, Mode.AUTOMATIC)
    assert (asked.state, asked.mode) == (State.WAITING, Mode.APPROVE)
    assert asked.reason.startswith("CloudStack restarted (localhost)")
    assert (await home.approve(asked)).outcome is Outcome.DONE


async def test_after_the_window_it_acts_by_itself_again(home: House) -> None:
    home.cloud.power_off(VM)
    restart(home)
    await home.watch.look()
    home.later(WINDOW_S)
    found = await home.incident("recover", VM, Mode.AUTOMATIC)
    assert found.outcome is Outcome.DONE, found.reason


async def test_the_pause_survives_a_restart_of_the_bot(home: House) -> None:
    restart(home)
    assert await home.watch.pause()
    await home.shut()
    await home.boot()
    home.later(WINDOW_S - 60)
    assert await home.watch.pause()
    home.later(61)
    assert not await home.watch.pause()


async def test_a_restart_while_the_bot_was_down_is_seen_when_it_is_back(home: House) -> None:
    await home.shut()
    restart(home)
    await home.boot()
    assert await home.watch.pause()


async def test_an_outage_is_one_incident_from_its_first_refusal_to_the_last_sign(
    home: House,
) -> None:
    home.cloud.kill_server(refuses_connections=True)
    for _ in range(3):
        with pytest.raises(Away):
            await desk(home).sweep()
        home.later(60)
    home.cloud.start_server()
    await desk(home).hear(server_is_up(home))
    await desk(home).sweep()
    noted = await incidents(home)
    assert [kind for kind, _ in noted] == [AWAY, BACK]
    assert len({data["incident"] for _, data in noted}) == 1


async def test_a_proxy_that_answers_503_counts_as_away(home: House) -> None:
    for command in ("listManagementServers", "listCapabilities"):
        home.cloud.fail_next(Fault(command, FaultKind.BODY, status=503, text="<html/>"))
    with pytest.raises(Away):
        await home.watch.look()
    home.cloud.faults.clear()
    assert "CloudStack was away" in await home.watch.pause()


async def test_a_request_limit_is_no_outage(home: House) -> None:
    home.cloud.fail_next(Fault("listManagementServers", FaultKind.ERROR, status=429))
    with pytest.raises(Transient):
        await home.watch.look()
    assert await incidents(home) == []


async def test_the_bus_is_believed_where_start_times_are_not_told(home: House) -> None:
    home.cloud.fail_next(Fault("listManagementServers", FaultKind.ERROR, status=432, times=10**6))
    await desk(home).hear(server_is_up(home))
    assert "CloudStack restarted" in await home.watch.pause()


async def test_servers_that_are_told_in_another_shape_stop_no_look(home: House) -> None:
    strange = json.dumps({"listmanagementserversresponse": {"managementserver": [{"name": 1}]}})
    home.cloud.fail_next(
        Fault("listManagementServers", FaultKind.BODY, status=200, text=strange, times=10**6)
    )
    restart(home)
    await desk(home).sweep()
    assert await incidents(home) == []


async def test_a_late_record_of_a_known_restart_is_no_second_incident(home: House) -> None:
    restart(home)
    seen = server_is_up(home)
    await home.watch.look()
    home.later(WINDOW_S * 3)
    await desk(home).hear(seen)
    assert len(await incidents(home)) == 1


async def test_two_restarts_far_apart_are_two_incidents(home: House) -> None:
    for _ in range(2):
        restart(home)
        await home.watch.look()
        home.later(WINDOW_S * 2)
    assert len({data["incident"] for _, data in await incidents(home)}) == 2


async def test_an_automatic_approval_of_before_the_restart_does_not_start(home: House) -> None:
    home.cloud.power_off(VM)
    home.later(200)
    asked = 0

    def restart_after_planning(command: str) -> None:
        nonlocal asked
        asked += command == "listManagementServers"
        if asked == 2:  # the first belongs to planning, this one to the look before the change
            asked += 1
            home.cloud.restart_server(0.0)
            home.later(1)

    home.wire.before = restart_after_planning
    found = await home.incident("recover", VM, Mode.AUTOMATIC)
    assert found.outcome is Outcome.STALE
    assert "nobody approved it, and CloudStack restarted" in found.reason
    assert "startInternalLoadBalancerVM" not in home.wire.calls


async def test_why_a_person_is_asked_stands_on_the_card_and_in_the_account(home: House) -> None:
    home.cloud.power_off(VM)
    home.later(200)
    restart(home)
    asked = await home.incident("recover", VM, Mode.AUTOMATIC)
    steps = await home.progress.steps(asked.id)
    card = CardWriter(Words(), dict(RUNBOOKS)).card(asked, Telling(steps))
    assert ("Why a person", asked.reason) in card.facts
    notes = await home.journal.notes(asked.id)
    assert asked.reason in as_plain(account_of(asked, notes, steps, str))


async def test_status_shows_the_incident(home: House) -> None:
    restart(home)
    await home.watch.look()
    sources = Sources(
        home.journal, home.progress, home.fleet, lambda: home.policies, home.switch, (), "/ilb"
    )
    shown = as_plain(await Answers(sources).status())
    assert "CloudStack: restarted (localhost) → a person decides until" in shown


# an upgrade, and who is told


@pytest.fixture
async def upgraded() -> AsyncIterator[House]:
    async with house() as made:
        made.cloud.set_version("4.20.0.0")
        await made.watch.look()
        restart(made)
        made.cloud.set_version("4.22.0.0")
        yield made


async def test_an_upgrade_and_its_outdated_fleet_are_one_incident(upgraded: House) -> None:
    for _ in range(3):
        await desk(upgraded).sweep()
    noted = await incidents(upgraded)
    assert [kind for kind, _ in noted] == [BACK, OUTDATED]
    assert noted[0][1]["words"] == "went from version 4.20.0.0 to 4.22.0.0"
    assert noted[1][1]["incident"] == noted[0][1]["incident"]


async def test_a_fleet_that_was_outdated_all_along_is_no_news(home: House) -> None:
    await desk(home).sweep()
    assert await incidents(home) == []


async def test_an_incident_is_one_message_that_is_edited(upgraded: House) -> None:
    chat = Bulletin()
    news = CloudNews(upgraded.journal, chat, CHANNEL)
    await news.tell()
    assert chat.posts == []
    await upgraded.watch.look()
    await news.tell()
    await desk(upgraded).sweep()
    await news.tell()
    await news.tell()
    (first,), (second,) = chat.posts, chat.updates
    assert first.summary == "CloudStack itself: CloudStack is back"
    assert "went from version 4.20.0.0 to 4.22.0.0" in first.body[1]
    assert "ILB VMs ask for the new template" in second.body[1]
    assert "Nothing automatic starts before" in second.body[2]


async def test_an_outage_is_told_while_it_lasts_and_after_a_restart_of_the_bot(
    home: House,
) -> None:
    chat = Bulletin()
    home.cloud.kill_server(refuses_connections=True)
    with pytest.raises(Away):
        await home.watch.look()
    await CloudNews(home.journal, chat, CHANNEL).tell()
    home.cloud.start_server()
    await home.watch.look()
    await CloudNews(home.journal, chat, CHANNEL).tell()
    assert [card.summary for card in (*chat.posts, *chat.updates)] == [
        "CloudStack itself: CloudStack does not answer",
        "CloudStack itself: CloudStack is back",
    ]


async def test_what_could_not_be_told_is_told_later(home: House) -> None:
    restart(home)
    await home.watch.look()
    chat = Bulletin(failures=[Transient("Slack is away")])
    news = CloudNews(home.journal, chat, CHANNEL)
    with pytest.raises(Transient):
        await news.tell()
    await news.tell()
    assert len(chat.posts) == 1
