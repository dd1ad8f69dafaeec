"""Hold what shall go wrong with the next calls, and say it when such a call comes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.sandbox.cloud.frame import JobFailed
from bot.sandbox.cloud.jobs import Spoiled


class FaultKind(StrEnum):
    """The part before the answer, then of the answer, then of the job."""

    ERROR = "error"
    BODY = "body"
    DROP = "drop"
    LOSE_ANSWER = "lose_answer"
    HANG = "hang"
    HANG_AFTER = "hang_after"
    JOB_FAILS = "job_fails"
    JOB_FAILS_AFTER = "job_fails_after"
    JOB_HANGS = "job_hangs"
    JOB_SLOW = "job_slow"


ABOUT: dict[FaultKind, str] = {
    FaultKind.ERROR: "refuse with an API error frame: status and text",
    FaultKind.BODY: "answer with any status, content type and text, for instance a proxy's HTML",
    FaultKind.DROP: "close the connection before anything is done",
    FaultKind.LOSE_ANSWER: "do it, then close the connection without an answer",
    FaultKind.HANG: "never answer, nothing done",
    FaultKind.HANG_AFTER: "do it, then never answer",
    FaultKind.JOB_FAILS: "accept, then fail the job before it changes anything",
    FaultKind.JOB_FAILS_AFTER: "the job does everything, then says it failed",
    FaultKind.JOB_HANGS: "the job stays pending for ever",
    FaultKind.JOB_SLOW: "the job begins `seconds` later",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong with the next `times` calls of `command` ("*": of any command)."""

    command: str
    kind: FaultKind
    times: int = 1
    status: int = 530
    text: str = "Internal error executing command, please contact your system administrator"
    content_type: str = "text/html;charset=utf-8"
    seconds: float = 0.0

    @property
    def spoils(self) -> Spoiled:
        failure = JobFailed(self.status, self.text)
        match self.kind:
            case FaultKind.JOB_FAILS:
                return Spoiled(fails=failure)
            case FaultKind.JOB_FAILS_AFTER:
                return Spoiled(fails_after=failure)
            case FaultKind.JOB_HANGS:
                return Spoiled(hangs=True)
            case FaultKind.JOB_SLOW:
                return Spoiled(slow_s=self.seconds)
            case _:
                return Spoiled()


@dataclass(slots=True)
class Faults:
    """The faults still to come, in the order they were asked for."""

    pending: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        self.pending.append(fault)

    def take(self, command: str) -> Fault | None:
        """Use up one call of the first fault that matches."""
        for index, fault in enumerate(self.pending):
            if fault.command in (command, "*"):
                if fault.times > 1:
                    self.pending[index] = replace(fault, times=fault.times - 1)
                else:
                    del self.pending[index]
                return fault
        return None

    def clear(self) -> None:
        self.pending.clear()
