"""What a directory says when its server fails, lies, or does not answer."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.tsig
import pytest
from dns.message import Message
from pydantic import SecretStr

from bot.adapters.directory.exchange import Exchange, Server, over_network
from bot.adapters.directory.manual import ManualDirectory, NoDirectory
from bot.adapters.directory.rfc2136 import Rfc2136Directory, UpdateKey, Updates
from bot.domain.names import DirectoryKind, Record
from bot.errors import Refused, Transient
from tests.directory.nameservers import TTL_S, Pretended, directory, new_name
from tests.services.nameserver import KEY, ZONE
from tests.services.run import free_port

ONE, OTHER = "10.20.1.10", "10.20.1.9"


def through(lab: Pretended, exchange: Exchange) -> Rfc2136Directory:
    return Rfc2136Directory(
        Updates(lab.server, ZONE, TTL_S, UpdateKey(KEY[0], SecretStr(KEY[1]))), exchange
    )


async def test_a_server_in_trouble_is_asked_again_later() -> None:
    lab = Pretended()
    lab.nameserver.faults.fail_next = 2
    with pytest.raises(Transient, match="SERVFAIL") as looking:
        await directory(lab).look(new_name())
    assert not looking.value.in_doubt
    before = Record(new_name(), (), TTL_S)
    with pytest.raises(Transient, match="SERVFAIL") as changing:
        await directory(lab).replace(before, before.with_one(ONE))
    assert changing.value.in_doubt


async def test_an_update_whose_answer_is_lost_is_in_doubt_and_done() -> None:
    lab, before = Pretended(), Record(new_name(), (), TTL_S)
    lab.nameserver.faults.lose_next = 1
    with pytest.raises(Transient) as lost:
        await directory(lab).replace(before, before.with_one(ONE))
    assert lost.value.in_doubt
    assert (await directory(lab).look(before.name)).addresses == (ONE,)


async def test_a_server_that_does_not_listen_was_not_told_anything() -> None:
    server = Server("127.0.0.1", free_port())
    lab, before = Pretended(), Record(new_name(), (), TTL_S)
    nobody = through(lab, over_network(server, 2.0))
    with pytest.raises(Transient, match=f"update DNS server {server}: it refuses") as refused:
        await nobody.replace(before, before.with_one(ONE))
    assert not refused.value.in_doubt


async def test_an_answer_without_the_signature_asked_for_is_none() -> None:
    lab = Pretended()
    name = new_name()
    lab.put(name, "A", ONE)

    async def forged(asked: Message) -> Message:
        answer = dns.message.make_response(dns.message.make_query(name, "A"))
        answer.id = asked.id
        answer.flags |= dns.flags.AA
        return answer

    with pytest.raises(Transient, match="not signed"):
        await through(lab, forged).look(name)


async def test_clocks_that_differ_are_told() -> None:
    lab = Pretended()

    async def late(asked: Message) -> Message:
        raise dns.tsig.PeerBadTime

    with pytest.raises(Refused, match=r"BADTIME.*NTP"):
        await through(lab, late).look(new_name())


def test_a_secret_that_is_not_in_base64_is_refused_and_not_shown() -> None:
    with pytest.raises(Refused, match="not in base64") as told:
        UpdateKey("ilbot", SecretStr("hunter2!")).for_dns()
    assert "hunter2" not in str(told.value)


def test_no_part_of_a_directory_shows_its_secret() -> None:
    ours = directory(Pretended())
    parts = (ours, ours._lookup, ours._updates, ours._updates.key)
    assert not [part for part in parts if KEY[1] in repr(part)]


async def test_without_a_directory_everything_says_what_to_set() -> None:
    none, record = NoDirectory(), Record("app.shop.internal", (ONE,), 5)
    assert none.kind is DirectoryKind.NONE
    with pytest.raises(Refused, match=r"look up app\.shop\.internal.*rfc2136"):
        await none.look(record.name)
    with pytest.raises(Refused, match="manual"):
        await none.replace(record, record.with_one(OTHER))


async def test_what_a_cache_says_of_the_ttl_is_not_believed() -> None:
    lab, name = Pretended(), new_name()
    lab.put(name, "A", ONE, ttl_s=3)
    straight = lab.exchange()

    async def cached(asked: Message) -> Message:
        answer = await straight(asked)
        answer.flags &= ~dns.flags.AA
        return answer

    manual = ManualDirectory(lab.server, cached, TTL_S)
    assert await manual.look(name) == Record(name, (ONE,), TTL_S)
