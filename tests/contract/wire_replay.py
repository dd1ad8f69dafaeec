"""Send a recorded scenario to the pretend cloud and say of every exchange how it compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from bot.sandbox.cloud.commands.table import COMMANDS
from bot.sandbox.cloud.faults import Fault, FaultKind
from tests.contract.sandbox_lab import Lab
from tests.contract.wire_differences import DIFFERENCES, OTHER_VALUES
from tests.contract.wire_records import Exchange, exchanges
from tests.contract.wire_scenarios import scenario
from tests.contract.wire_seed import is_seed

SLOW_S = 0.01  # a job that the recording saw pending must not end before it was looked at
ZONE_SETUP = (
    "addCluster addHost addImageStore addTrafficType configureVirtualRouterElement createPod "
    "createPhysicalNetwork createStoragePool createVlanIpRange createZone updateZone "
    "listVirtualRouterElements updatePhysicalNetwork"
)
NOT_SENT = {
    "(watch)": "an observation, no request",
    "configureSimulator": "a host told to fail, which is a switch here",
} | dict.fromkeys(ZONE_SETUP.split(), "zone set-up, which is a seed")
ASSIGN = "assignToLoadBalancerRule"
LOOKS = ("listInternalLoadBalancerVMs", "listRouters")


class Outcome(StrEnum):
    """What became of one recorded exchange."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NOT_COVERED = "not covered"


@dataclass(frozen=True)
class Line:
    """One exchange and its outcome; `because` are the differences, or why it was not sent."""

    exchange: Exchange
    outcome: Outcome
    because: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(f"{self.exchange}: {one}" for one in self.because)


@dataclass
class Report:
    """One scenario, exchange by exchange."""

    name: str
    lines: list[Line] = field(default_factory=list)

    def of(self, outcome: Outcome) -> list[Line]:
        return [one for one in self.lines if one.outcome is outcome]

    @property
    def replayed(self) -> int:
        return len(self.lines) - len(self.of(Outcome.NOT_COVERED))

    @property
    def unexplained(self) -> list[Line]:
        return [
            one
            for one in self.of(Outcome.DIFFERENT)
            if (self.name, one.exchange.index) not in DIFFERENCES
        ]

    @property
    def causes(self) -> Counter[str]:
        return Counter(one.because[0] for one in self.of(Outcome.NOT_COVERED))


async def replay(name: str) -> Report:
    """Replay a scenario in a world of its own, in the order of the recording."""
    plan = scenario(name)
    lab = plan.begin()
    lab.known.others = OTHER_VALUES.get(name, {})
    report = Report(name)
    slow = _slow_jobs(name)
    for exchange in exchanges(name):
        lab.world.faults.clear()
        if exchange.inner.get("jobid") in slow and exchange.job_status is None:
            lab.world.fail_next(Fault(exchange.command, FaultKind.JOB_SLOW, seconds=SLOW_S))
        for cue in plan.cues.get(exchange.index, ()):
            cue(lab)
        report.lines.append(await _compared(name, exchange, lab))
    await lab.http.aclose()
    return report


def _slow_jobs(name: str) -> set[str]:
    """Return the jobs that were seen pending although a sandbox may end them at once.

    An assign that succeeds takes its time anyway, and its members are to be seen meanwhile.
    """
    rows = exchanges(name)
    pending = {one.inner["jobid"] for one in rows if one.job_status == 0}
    assigned = {one.inner.get("jobid") for one in rows if one.command == ASSIGN}
    succeeded = {one.inner["jobid"] for one in rows if one.job_status == 1}
    return pending - (assigned & succeeded)


async def _compared(name: str, exchange: Exchange, lab: Lab) -> Line:
    if cause := _not_covered(exchange, lab):
        return Line(exchange, Outcome.NOT_COVERED, (cause,))
    lab.known.partial = "trimmed" in exchange.raw
    found = await _differences(lab, exchange)
    if found:
        return Line(exchange, Outcome.DIFFERENT, tuple(found))
    return Line(exchange, Outcome.EQUAL)


def _not_covered(exchange: Exchange, lab: Lab) -> str | None:
    """Return why an exchange is not sent, or None."""
    command = exchange.command
    if command in NOT_SENT:
        return NOT_SENT[command]
    if command not in COMMANDS and exchange.raw["status"] != 401:
        return f"{command} is not answered"
    if is_seed(exchange, lab):
        return f"{command} made what is there from the start"
    if not lab.unknown(exchange):
        return None
    if command == "queryAsyncJobResult":
        return "the poll of a job that was not asked for here"
    return "about a thing that is not there"


async def _differences(lab: Lab, exchange: Exchange) -> list[str]:
    if exchange.job_status in (1, 2):
        response = await lab.settled(exchange)
    elif exchange.command in LOOKS:
        response = await lab.reached(exchange)
    else:
        response = await lab.send(exchange)
    if response.status_code != exchange.raw["status"]:
        return [f"HTTP {response.status_code} {response.text[:300]}"]
    if "content_type" in exchange.raw:
        if response.headers.get("content-type", "") != (exchange.raw["content_type"] or ""):
            return [f"content type {response.headers.get('content-type')}"]
        if ("x-description" in response.headers) != ("x_description" in exchange.raw):
            return ["X-Description is there, or is not"]
    if "body" not in exchange.raw:
        return [] if response.text == exchange.raw.get("body_text", "") else ["another text"]
    return list(lab.known.differences(exchange.body, response.json()))
