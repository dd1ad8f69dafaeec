"""Let a test or a demo look into a world and break it, as JSON over HTTP under `/control`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.cloud.counters import Load
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.frame import Body
from bot.sandbox.cloud.machine_views import system_machine
from bot.sandbox.cloud.model import Job, Kind, Machine, Refusal, Rule, Tier
from bot.sandbox.cloud.traffic import Behaviour
from bot.sandbox.cloud.views import rule as rule_view
from bot.sandbox.cloud.world import World

Act = Callable[[World, Body], Any]


def effects(world: World) -> list[Body]:
    """List what really happened, in order, whoever caused it."""
    return [asdict(one) for one in world.effects]


def calls(world: World) -> Body:
    """Count the API calls that got an answer or an effect, by command and by role."""
    by_command = Counter(call.command for call in world.calls)
    by_role: dict[str, Counter[str]] = {}
    for call in world.calls:
        by_role.setdefault(call.role, Counter())[call.command] += 1
    return {"by_command": by_command, "by_role": by_role, "total": len(world.calls)}


def snapshot(world: World) -> Body:
    """Show machines, rules, tiers, unfinished jobs and faults still to come."""
    system = (*world.machines(Kind.ILB), *world.machines(Kind.ROUTER))
    return {
        "at": world.at,
        "server_is_up": world.server_is_up,
        "machines": [system_machine(world, one) | _truth(one) for one in system],
        "members": [
            {"name": one.display_name, "id": one.id, "state": one.state, "tier": one.tier.name}
            for one in world.machines(Kind.USER)
        ],
        "rules": [rule_view(world, one) for one in world.all(Rule)],
        "tiers": [
            {
                "id": one.id,
                "name": one.name,
                "vpc": one.vpc.name if one.vpc else None,
                "state": one.state,
            }
            for one in world.all(Tier)
        ],
        "pending_jobs": [one.id for one in world.all(Job) if one.status == 0],
        "traffic": [
            {"vip": vip, "port": port, "behaviour": world.traffic.at(vip, port, world.at)}
            for vip, port in world.traffic.places()
        ],
        "faults": [asdict(one) for one in world.faults.pending],
    }


def _truth(machine: Machine) -> Body:
    return {
        "powered_on": machine.powered_on,
        "disk_template": machine.disk.name,
        "keeps_version": machine.keeps_version,
    }


def _publish_template(world: World, body: Body) -> str:
    template = world.publish_template(
        body["name"], body["version"], points_to_it=bool(body.get("points_to_it", True))
    )
    return template.id


def _place(body: Body) -> tuple[str, int]:
    vip, _, port = body["target"].rpartition(":")
    return vip, int(port)


def _lose_connections(world: World, body: Body) -> None:
    world.lose_connections(
        *_place(body),
        Behaviour(body.get("how", Behaviour.RESETS)),
        seconds=float(body.get("seconds", 0.0)),
        count=int(body.get("count", 0)),
        cut=bool(body.get("cut", True)),
    )


def _drift(world: World, body: Body) -> str:
    changes = {name: value for name, value in body.items() if name != "target"}
    return world.drift_rule(body["target"], **changes).id


def _look(world: World, look: Callable[[World], Any]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        world.advance()
        return JSONResponse(look(world))

    return answer


def _act(world: World, act: Act) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        body = await request.json() if await request.body() else {}
        try:
            result = act(world, body)
        except (LookupError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)
        return JSONResponse({"done": True, "result": result})

    return answer


# What POST /control/<name> does with its JSON body; "target" names a machine or a rule.
ACTIONS: dict[str, Act] = {
    "power-off": lambda world, body: world.power_off(body["target"]),
    "stop-by-hand": lambda world, body: world.stop_by_hand(body["target"]),
    "lose-ilb-vm": lambda world, body: world.lose_ilb_vm(body["target"]),
    "stick-in-stopping": lambda world, body: world.stick_in_stopping(body["target"]),
    "keep-version": lambda world, body: world.keep_version(
        body["target"], bool(body.get("keeps", True))
    ),
    "stop-haproxy": lambda world, body: world.stop_haproxy(body["target"]),
    "start-haproxy": lambda world, body: world.start_haproxy(body["target"]),
    "lose-connections": _lose_connections,
    "open-sessions": lambda world, body: world.open_sessions(
        *_place(body), int(body["count"]), float(body.get("seconds", 0.0))
    ),
    "set-load": lambda world, body: world.set_load(
        *_place(body), Load(**{name: value for name, value in body.items() if name != "target"})
    ),
    "close-sessions": lambda world, body: world.close_sessions(*_place(body)),
    "set-check": lambda world, body: world.set_check(
        body["target"],
        body["check"],
        body["status"],
        body.get("details", ""),
        heals=bool(body.get("heals", True)),
    ),
    "set-cpu": lambda world, body: world.set_cpu(
        body["target"],
        float(body["percent"]),
        machines=bool(body.get("machines")),
        for_s=float(body.get("for_s", 0.0)),
    ),
    "set-setting": lambda world, body: world.set_setting(body["target"], str(body["value"])),
    "close-hosts": lambda world, body: world.close_hosts(body.get("besides", "")),
    "set-version": lambda world, body: world.set_version(body["version"]),
    "set-role": lambda world, body: world.set_role(body["target"], body.get("role")),
    "publish-template": _publish_template,
    "drift-rule": _drift,
    "kill-server": lambda world, body: world.kill_server(
        refuses_connections=bool(body.get("refuses_connections"))
    ),
    "start-server": lambda world, body: world.start_server(),
    "restart-server": lambda world, body: world.restart_server(
        float(body["down_s"]), refuses_connections=bool(body.get("refuses_connections"))
    ),
    "fault": lambda world, body: world.fail_next(
        Fault(**(body | {"kind": FaultKind(body["kind"])}))
    ),
    "refuse": lambda world, body: world.refuse_next(
        Refusal(body["operation"]), int(body.get("times", 1))
    ),
    "clear-faults": lambda world, body: world.faults.clear(),
    "reset": lambda world, body: world.reset(),
}


# What each action does, in the words of the page about the sandbox.
ABOUT: dict[str, str] = {
    "power-off": "cut a machine's power behind the server's back; noticed at the third missed ping",
    "stop-by-hand": "stop an ILB VM as an administrator does in the UI",
    "lose-ilb-vm": "expunge an ILB VM; its rules stay Active",
    "stick-in-stopping": "leave a machine in Stopping with nobody working on it",
    "keep-version": "let a guest report its old version after stop and start (`keeps`)",
    "stop-haproxy": "end an ILB VM's HAProxy: it refuses although it is Running, held ones are cut",
    "start-haproxy": "start it again",
    "lose-connections": "lose new connections to a VIP (`target` vip:port; `how` resets, refuses, "
    "hangs or closes; `seconds`, or a `count` of those reset or closed; `cut` held ones: true)",
    "open-sessions": "let a `count` of pretend clients connect to a VIP (`target` vip:port) and "
    "stay for some `seconds`, or until they are closed; HAProxy's stats page counts them",
    "set-load": "let the stats page show steady traffic of a `target` vip:port (`per_s`, `open`, "
    "`mbit_per_s`, `queued`, `queue_ms`, `connect_ms`, and on port 80 `response_ms`)",
    "close-sessions": "let the pretend clients of a `target` vip:port leave",
    "set-check": "set a health check (`check`, `status`, `details`); FAILED raises alert and "
    "event, and what `heals` passes some minutes after a start",
    "set-cpu": "let a machine or a host be busy (`percent`), with `machines` its system VMs too, "
    "for `for_s` seconds already",
    "set-setting": "let a global setting (`target`) have another `value`, in force at once",
    "close-hosts": "let hosts take no more machines, all but the one named (`besides`)",
    "set-version": "be a server of another `version` from now on",
    "set-role": "let a router report PRIMARY, BACKUP or FAULT (`role`) at the next check",
    "publish-template": "add a system VM template (`name`, `version`, `points_to_it`)",
    "drift-rule": "change a rule behind everyone's back, or take a member away (`without`)",
    "kill-server": "kill the management server in the middle of everything (`refuses_connections`)",
    "start-server": "start it again: what it had been doing has failed without a result",
    "restart-server": "kill it and start it `down_s` seconds later",
    "fault": "spoil the next calls of a command, see below",
    "refuse": "let hosts refuse the next operations (`operation`, `times`)",
    "clear-faults": "forget the faults still to come",
    "reset": "sow the seed again",
}


def control_routes(world: World) -> list[Route]:
    """Return GET effects, calls and state, and one POST per action."""
    looks = {"effects": effects, "calls": calls, "state": snapshot}
    routes = [Route(f"/{name}", _look(world, look)) for name, look in looks.items()]
    return routes + [
        Route(f"/{name}", _act(world, act), methods=["POST"]) for name, act in ACTIONS.items()
    ]
