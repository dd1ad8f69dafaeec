"""The pretend name server on bytes: what it keeps to where the adapter never goes."""

from __future__ import annotations

import dns.asyncquery
import dns.exception
import dns.message
import dns.update
import httpx
import pytest
from dns.message import Message
from dns.rcode import Rcode
from starlette.applications import Starlette
from starlette.routing import Mount

from bot.sandbox.dns.control import control_routes
from bot.sandbox.dns.nameserver import Nameserver
from bot.sandbox.dns.seed import APP, KEY, ZONE, demo_nameserver
from bot.sandbox.dns.server import served


def ask(server: Nameserver, asked: Message) -> Message:
    wire = server.answer(asked.to_wire())
    return dns.message.from_wire(wire, keyring=asked.keyring, request_mac=asked.mac)


def update(signed: bool = True) -> dns.update.UpdateMessage:
    return dns.update.UpdateMessage(ZONE, keyring=KEY.for_dns() if signed else None)


def test_an_update_is_whole_or_not_at_all() -> None:
    server, change = demo_nameserver(), update()
    change.absent("new")
    change.present("nobody", "A")
    change.add("new", 5, "A", "10.0.0.1")
    assert ask(server, change).rcode() is Rcode.NXRRSET
    assert (server.zone.changes, server.zone.serial) == ([], 2)


def test_the_serial_moves_once_for_each_update_that_changes_anything() -> None:
    server, change = demo_nameserver(), update()
    change.add("one", 5, "A", "10.0.0.1")
    change.add("two", 5, "A", "10.0.0.2")
    for _ in range(2):
        assert ask(server, change).rcode() is Rcode.NOERROR
    assert server.zone.serial == 3


@pytest.mark.parametrize(
    ("name", "there", "expected"),
    [
        ("app", False, Rcode.YXDOMAIN),
        ("nobody", True, Rcode.NXDOMAIN),
    ],
)
def test_whether_a_name_is_in_use_can_be_relied_on(name: str, there: bool, expected: Rcode) -> None:
    change = update()
    if there:
        change.present(name)
    else:
        change.absent(name)
    assert ask(demo_nameserver(), change).rcode() is expected


def test_an_address_beside_an_alias_is_passed_over_without_a_word() -> None:
    server, change = demo_nameserver(), update()
    server.zone.set_record(f"alias.{ZONE}", 5, "CNAME", f"{APP}.")
    change.add("alias", 5, "A", "10.0.0.1")
    assert ask(server, change).rcode() is Rcode.NOERROR
    assert server.zone.record(f"alias.{ZONE}") == (0, ())


def test_the_top_of_a_zone_keeps_its_name_servers() -> None:
    server, change = demo_nameserver(), update()
    change.delete("@", "NS")
    change.delete("@")
    assert ask(server, change).rcode() is Rcode.NOERROR
    assert ask(server, dns.message.make_query(ZONE, "NS")).answer


def test_an_update_without_a_signature_is_refused() -> None:
    change = update(signed=False)
    change.delete("app", "A")
    assert ask(demo_nameserver(), change).rcode() is Rcode.REFUSED


def test_a_name_elsewhere_is_not_in_the_zone() -> None:
    change = update()
    change.add("app.example.com.", 5, "A", "10.0.0.1")
    assert ask(demo_nameserver(), change).rcode() is Rcode.NOTZONE


@pytest.mark.parametrize("wire", [b"", b"\0" * 5, b"\x12\x34\x80" + b"\0" * 9])
def test_what_is_no_question_gets_no_answer(wire: bytes) -> None:
    assert demo_nameserver().answer(wire) == b""


def test_a_broken_question_is_a_format_error() -> None:
    answer = demo_nameserver().answer(b"\x12\x34\x00\x00\x00\x01" + b"\0" * 6)
    assert (answer[:2], answer[3]) == (b"\x12\x34", Rcode.FORMERR)


@pytest.mark.slow
async def test_it_is_broken_and_looked_at_over_http() -> None:
    server = demo_nameserver()
    app = Starlette(routes=[Mount("/control", routes=control_routes(server))])
    transport = httpx.ASGITransport(app=app)
    async with (
        served(server, "127.0.0.1") as address,
        httpx.AsyncClient(transport=transport, base_url="http://world/control/dns") as control,
    ):
        port = int(address.rpartition(":")[2])
        await control.post("/set-record", json={"name": APP, "values": ["10.20.1.77"]})
        query = dns.message.make_query(APP, "A")
        answer = await dns.asyncquery.udp(query, "127.0.0.1", 5.0, port)
        assert answer.answer[0].to_text() == f"{APP}. 5 IN A 10.20.1.77"
        await control.post("/fail")
        answer = await dns.asyncquery.tcp(query, "127.0.0.1", 5.0, port)
        assert answer.rcode() is Rcode.SERVFAIL
        await control.post("/be-slow", json={"seconds": 30})
        with pytest.raises(dns.exception.Timeout):
            await dns.asyncquery.udp(query, "127.0.0.1", 0.1, port)
        await control.post("/clear-faults")
        await control.post("/lose-answer")
        change = update()
        change.delete("app", "A")
        with pytest.raises(EOFError):
            await dns.asyncquery.tcp(change, "127.0.0.1", 5.0, port)
        seen = (await control.get("/state")).json()
        assert seen["changes"][-1] == f"{APP}. 0 A none"
        assert (await control.post("/be-slow", json={})).status_code == 400
