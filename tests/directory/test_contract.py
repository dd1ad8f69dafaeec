"""What a directory by dynamic updates is relied on for, on the pretend server and on BIND 9."""

from __future__ import annotations

import asyncio

import pytest

from bot.adapters.directory.exchange import Server
from bot.domain.names import DirectoryKind, Record
from bot.errors import Refused
from tests.directory.nameservers import (
    TTL_S,
    Lab,
    Pretended,
    Real,
    by_hand,
    directory,
    new_name,
)
from tests.services.nameserver import GRANTED, KEY, STRANGER, ZONE

ONE, OTHER, THIRD = "10.20.1.10", "10.20.1.9", "10.20.1.200"


@pytest.fixture(
    params=["sandbox", pytest.param("bind9", marks=[pytest.mark.dns, pytest.mark.slow])]
)
def lab(request: pytest.FixtureRequest) -> Lab:
    if request.param == "sandbox":
        return Pretended()
    return Real(Server(*request.getfixturevalue("named")))


async def test_a_record_has_its_addresses_in_order_and_its_ttl(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "A", ONE, OTHER, ttl_s=17)
    assert await directory(lab).look(name) == Record(name, (OTHER, ONE), 17)
    assert directory(lab).kind is DirectoryKind.RFC2136


async def test_a_name_that_is_not_there_has_no_address_and_the_ttl_of_new_ones(lab: Lab) -> None:
    name = new_name()
    assert await directory(lab).look(name) == Record(name, (), TTL_S)


async def test_a_name_without_addresses_has_no_address(lab: Lab) -> None:
    name = new_name()
    lab.put(f"below.{name}", "A", ONE)
    assert await directory(lab).look(name) == Record(name, (), TTL_S)


async def test_a_first_address_is_published_with_our_ttl(lab: Lab) -> None:
    before = Record(new_name(), (), TTL_S)
    assert await directory(lab).replace(before, before.with_one(ONE))
    assert await directory(lab).look(before.name) == Record(before.name, (ONE,), TTL_S)


async def test_addresses_are_replaced_at_once_and_the_ttl_is_kept(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "A", ONE, OTHER, ttl_s=17)
    before = await directory(lab).look(name)
    assert await directory(lab).replace(before, before.with_addresses(OTHER, THIRD))
    assert await directory(lab).look(name) == Record(name, (OTHER, THIRD), 17)


async def test_the_last_address_can_be_withdrawn(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "A", ONE)
    before = await directory(lab).look(name)
    assert await directory(lab).replace(before, before.without(ONE))
    assert not (await directory(lab).look(name)).addresses


async def test_replacing_what_is_no_longer_so_changes_nothing(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "A", ONE)
    before = await directory(lab).look(name)
    lab.put(name, "A", OTHER)
    assert not await directory(lab).replace(before, before.with_one(THIRD))
    assert (await directory(lab).look(name)).addresses == (OTHER,)


async def test_a_record_with_one_address_more_is_another_record(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "A", ONE, OTHER)
    before = Record(name, (ONE,), 30)
    assert not await directory(lab).replace(before, before.with_addresses(THIRD))
    assert (await directory(lab).look(name)).addresses == (OTHER, ONE)


async def test_a_record_that_has_gone_is_another_record(lab: Lab) -> None:
    before = Record(new_name(), (ONE,), 30)
    assert not await directory(lab).replace(before, before.with_one(OTHER))
    assert not (await directory(lab).look(before.name)).addresses


async def test_a_record_that_has_come_is_another_record(lab: Lab) -> None:
    before = Record(new_name(), (), TTL_S)
    lab.put(before.name, "A", OTHER)
    assert not await directory(lab).replace(before, before.with_one(ONE))
    assert (await directory(lab).look(before.name)).addresses == (OTHER,)


@pytest.mark.parametrize(("kind", "value"), [("CNAME", "other.shop.internal."), ("AAAA", "::1")])
async def test_what_came_beside_an_address_is_seen_by_the_update(
    lab: Lab, kind: str, value: str
) -> None:
    before = Record(new_name(), (), TTL_S)
    lab.put(before.name, kind, value)
    assert not await directory(lab).replace(before, before.with_one(ONE))


async def test_of_two_who_replace_at_once_one_wins(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "A", ONE)
    before = await directory(lab).look(name)
    afters = (before.with_one(OTHER), before.with_one(THIRD))
    won = await asyncio.gather(*(directory(lab).replace(before, after) for after in afters))
    assert sorted(won) == [False, True]
    assert (await directory(lab).look(name)).addresses == afters[won.index(True)].addresses


async def test_an_alias_is_refused_with_where_it_leads(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "CNAME", f"other.{ZONE}.")
    with pytest.raises(Refused, match=rf"alias \(CNAME\) of other\.{ZONE}\."):
        await directory(lab).look(name)


async def test_a_name_with_ipv6_addresses_is_refused(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "A", ONE)
    lab.put(name, "AAAA", "fd00::10")
    with pytest.raises(Refused, match="IPv6"):
        await directory(lab).look(name)


async def test_a_name_that_was_given_to_another_server_is_refused(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "NS", f"ns.elsewhere.{ZONE}.")
    with pytest.raises(Refused, match="no authority"):
        await directory(lab).look(f"app.{name}")


async def test_a_name_outside_the_zone_is_refused_before_anybody_is_asked(lab: Lab) -> None:
    outside = Record("app.example.com", (ONE,), 30)
    with pytest.raises(Refused, match=f"app.example.com is not in zone {ZONE}"):
        await directory(lab).look(outside.name)
    with pytest.raises(Refused, match=f"app.example.com is not in zone {ZONE}"):
        await directory(lab).replace(outside, outside.with_one(OTHER))


async def test_a_zone_that_the_server_does_not_have_is_refused(lab: Lab) -> None:
    elsewhere, before = directory(lab, zone="acme.internal"), Record("app.acme.internal", (), 30)
    with pytest.raises(Refused, match="refuses to answer"):
        await elsewhere.look(before.name)
    with pytest.raises(Refused, match=r"does not have zone acme\.internal"):
        await elsewhere.replace(before, before.with_one(ONE))
    with pytest.raises(Refused, match=r"refuses to answer for acme\.internal"):
        await elsewhere.try_out()


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (("nobody", KEY[1]), r"BADKEY.*Compare directory\.tsig_name"),
        ((KEY[0], STRANGER[1]), r"BADSIG.*tsig_secret"),
    ],
)
async def test_a_wrong_key_is_told_from_a_wrong_secret(
    lab: Lab, key: tuple[str, str], why: str
) -> None:
    wrong, before = directory(lab, key=key), Record(new_name(), (), TTL_S)
    with pytest.raises(Refused, match=why):
        await wrong.replace(before, before.with_one(ONE))
    with pytest.raises(Refused, match=why) as told:
        await wrong.look(before.name)
    assert key[1] not in str(told.value)
    assert not (await directory(lab).look(before.name)).addresses


async def test_a_key_that_may_only_look_is_refused_with_what_to_grant(lab: Lab) -> None:
    reader, before = directory(lab, key=STRANGER), Record(new_name(), (), TTL_S)
    assert not (await reader.look(before.name)).addresses
    with pytest.raises(Refused, match=r"stranger may not do that \(REFUSED\).*allow-update"):
        await reader.replace(before, before.with_one(ONE))
    with pytest.raises(Refused, match="allow-update"):
        await reader.try_out()


async def test_trying_it_out_changes_nothing(lab: Lab) -> None:
    await directory(lab).try_out()
    await directory(lab).try_out()
    if isinstance(lab, Pretended):
        assert (lab.nameserver.zone.serial, lab.nameserver.zone.changes) == (1, [])


async def test_more_addresses_than_fit_a_datagram_are_all_seen(lab: Lab) -> None:
    name, many = new_name(), [f"10.30.1.{n}" for n in range(1, 100)]  # BIND takes 100 of a type
    lab.put(name, "A", *many)
    before = await directory(lab).look(name)
    assert len(before.addresses) == 99
    assert await directory(lab).replace(before, before.with_addresses(*many[1:]))
    assert len((await directory(lab).look(name)).addresses) == 98


async def test_what_people_changed_is_found_by_resolving(lab: Lab) -> None:
    name = new_name()
    lab.put(name, "A", ONE, ttl_s=17)
    manual = by_hand(lab)
    assert await manual.look(name) == Record(name, (ONE,), 17)
    with pytest.raises(Refused, match="changed by people"):
        await manual.replace(Record(name, (ONE,), 17), Record(name, (OTHER,), 17))


@pytest.mark.slow
async def test_the_grant_in_the_guide_is_enough(named: tuple[str, int]) -> None:
    ours, before = directory(Real(Server(*named)), zone=GRANTED), Record(f"app.{GRANTED}", (), 30)
    await ours.try_out()
    assert await ours.replace(before, before.with_one(ONE))
    assert await ours.replace(await ours.look(before.name), before)
    assert not (await ours.look(before.name)).addresses
