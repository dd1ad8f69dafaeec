"""Turn "fail the next three of these" into faults that the protocol edges take one by one."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be made to go wrong; each is taken at one place of the protocol."""

    REFUSE_HANDSHAKE = "refuse_handshake"
    DROP_ACK = "drop_ack"
    DUPLICATE_ENVELOPE = "duplicate_envelope"
    LOSE_ENVELOPE = "lose_envelope"
    RATE_LIMIT = "rate_limit"
    FAIL_CALL = "fail_call"
    HANG_CALL = "hang_call"
    LOSE_ANSWER = "lose_answer"
    RESPONSE_URL_404 = "response_url_404"


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure to come; `method` narrows it to one Web API method.

    `seconds` is the Retry-After of a rate limit or how long a call hangs; `error` is the Slack
    error code of a failed call, or `http_500` for a bare server error.
    """

    kind: Kind
    method: str | None = None
    error: str = "internal_error"
    seconds: float = 1.0


class Faults:
    """Hold the failures to come, first in first out per kind and method."""

    def __init__(self) -> None:
        self._armed: deque[Fault] = deque()

    def arm(self, fault: Fault, count: int = 1) -> None:
        self._armed.extend([fault] * count)

    def take(self, kind: Kind, method: str | None = None) -> Fault | None:
        """Use up the first armed fault of this kind that fits `method`, if there is one."""
        for fault in self._armed:
            if fault.kind is kind and fault.method in (None, method):
                self._armed.remove(fault)
                return fault
        return None

    def armed(self) -> list[Fault]:
        return list(self._armed)

    def clear(self) -> None:
        self._armed.clear()
