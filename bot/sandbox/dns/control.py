"""Let a test or a demo look into the pretend name server and break it, under `/control/dns`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.dns.nameserver import Faults, Nameserver

Act = Callable[[Nameserver, dict[str, Any]], None]


def _set_record(nameserver: Nameserver, body: dict[str, Any]) -> None:
    kind, ttl_s = str(body.get("type", "A")), int(body.get("ttl", 5))
    nameserver.zone.set_record(body["name"], ttl_s, kind, *body["values"])


def _refuse(nameserver: Nameserver, body: dict[str, Any]) -> None:
    nameserver.faults.refuse_updates = bool(body.get("refuses", True))


def _lose(nameserver: Nameserver, body: dict[str, Any]) -> None:
    nameserver.faults.lose_next = int(body.get("times", 1))


def _fail(nameserver: Nameserver, body: dict[str, Any]) -> None:
    nameserver.faults.fail_next = int(body.get("times", 1))


def _be_slow(nameserver: Nameserver, body: dict[str, Any]) -> None:
    nameserver.faults.delay_s = float(body["seconds"])


def _clear(nameserver: Nameserver, body: dict[str, Any]) -> None:
    nameserver.faults = Faults()


# What POST /control/dns/<name> does with its JSON body.
ACTIONS: dict[str, Act] = {
    "set-record": _set_record,
    "refuse-updates": _refuse,
    "lose-answer": _lose,
    "fail": _fail,
    "be-slow": _be_slow,
    "clear-faults": _clear,
}


# What each action does, in the words of the page about the sandbox.
ABOUT: dict[str, str] = {
    "set-record": "change a record by hand (`name`, `values`, `type`, `ttl`); no value: it goes",
    "refuse-updates": "refuse every update of the key (`refuses`)",
    "lose-answer": "do the next `times` updates and do not answer",
    "fail": "answer the next `times` messages with SERVFAIL",
    "be-slow": "answer so many `seconds` late",
    "clear-faults": "answer as usual again",
}


def control_routes(nameserver: Nameserver) -> list[Route]:
    """Return GET state, with the records and what was changed, and one POST per action."""

    async def state(request: Request) -> Response:
        zone = nameserver.zone
        seen = {"serial": zone.serial, "records": zone.table(), "changes": zone.changes}
        return JSONResponse(seen)

    return [Route("/dns/state", state)] + [
        Route(f"/dns/{name}", _act(nameserver, act), methods=["POST"])
        for name, act in ACTIONS.items()
    ]


def _act(nameserver: Nameserver, act: Act) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        body = await request.json() if await request.body() else {}
        try:
            act(nameserver, body)
        except (LookupError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)
        return JSONResponse({"done": True, "result": None})

    return answer
