"""Answer one API request: who asks, may they, what goes wrong today, and what the command says.

Follows ApiServlet.processRequestInContext and ApiServer.handleRequest.
"""

from __future__ import annotations

from bot.sandbox.cloud.commands.table import COMMANDS, Command
from bot.sandbox.cloud.faults import Fault, FaultKind, Faults
from bot.sandbox.cloud.frame import Answer, ApiError, answered, refused, unauthorized
from bot.sandbox.cloud.jobs import Spoiled
from bot.sandbox.cloud.model import Account, Call
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.signing import Pair, is_signed
from bot.sandbox.cloud.state import CloudState, stable_id


class Unanswered(Exception):
    """The connection ends without an answer: dropped at once, or left hanging."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__("hangs" if hangs else "dropped")
        self.hangs = hangs


def answer(state: CloudState, pairs: list[Pair], faults: Faults) -> Answer:
    """Answer a request given as its decoded parameters, in any order.

    Raises Unanswered where a fault says that nobody hears the answer; the change may be done.
    """
    state.advance()
    parameters = {name.lower(): value for name, value in pairs}
    name = parameters.get("command", "")
    as_json = parameters.get("response", "xml").lower() != "xml"
    caller = state.caller(parameters.get("apikey", ""))
    fault = faults.take(name)
    try:
        if fault is not None:
            _go_wrong_before(fault)
            if fault.kind is FaultKind.BODY:
                found = Answer(fault.status, fault.text.encode(), fault.content_type)
                _count(state, name, caller, found.status)
                return found
        command = _command(state, name, "command" in parameters)
        _authenticate(command, caller, pairs, state.at)
        assert caller is not None
        _authorize(state, command, caller)
        if fault is not None and fault.kind is FaultKind.ERROR:
            raise ApiError(fault.status, fault.text)
        request = Request(
            state, name, command.stem, caller, parameters, fault.spoils if fault else Spoiled()
        )
        found = answered(command.wrapper, command.answer(request))
    except ApiError as error:
        known = COMMANDS.get(name)
        found = refused(known.wrapper if known else "response", error, as_json=as_json)
    _count(state, name, caller, found.status)
    if fault is not None:
        _go_wrong_after(fault)
    return found


def _command(state: CloudState, name: str, given: bool) -> Command:
    """Find a command; an unknown one looks like a bad signature, even with a good one."""
    if not given:
        raise unauthorized("null")
    command = COMMANDS.get(name)
    if command is None or not state.is_since(command.since):
        raise unauthorized("errorresponse")
    return command


def _authenticate(command: Command, caller: Account | None, pairs: list[Pair], now: float) -> None:
    if caller is None or not is_signed(pairs, caller.secret_key, now):
        raise unauthorized(command.wrapper)


def _authorize(state: CloudState, command: Command, caller: Account) -> None:
    """Check the role; the id in the text is a new one every time, as recorded."""
    if command.is_open_to(caller.role):
        return
    request_id = stable_id(f"refusal/{state.number('refusal')}")
    raise ApiError(
        432,
        f"The API [{command.name}] does not exist or is not available for the account for "
        f"user id [{request_id}].",
        wrapper="errorresponse",
    )


def _go_wrong_before(fault: Fault) -> None:
    if fault.kind is FaultKind.DROP:
        raise Unanswered(hangs=False)
    if fault.kind is FaultKind.HANG:
        raise Unanswered(hangs=True)


def _go_wrong_after(fault: Fault) -> None:
    if fault.kind is FaultKind.LOSE_ANSWER:
        raise Unanswered(hangs=False)
    if fault.kind is FaultKind.HANG_AFTER:
        raise Unanswered(hangs=True)


def _count(state: CloudState, name: str, caller: Account | None, status: int) -> None:
    role = caller.role.value if caller else "nobody"
    state.calls.append(Call(state.at, name, role, status))
