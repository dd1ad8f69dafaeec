"""An operation: one wish on its way from the request to the receipt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where an operation stands; each but `ENDED` has a deadline and an owner."""

    ASKED = "asked"
    """Stored; the ask run plans it."""
    WAITING = "waiting"
    """Planned; a person must decide before the deadline."""
    APPROVED = "approved"
    """Decided; the apply run is to be started or waits for its lane."""
    APPLYING = "applying"
    """The change runs."""
    ENDED = "ended"


class Outcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    NOTHING_TO_DO = "nothing to do"
    OBSERVED = "observed"
    """Planned and told, and not done: the policy or the missing write key says so."""
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"
    STALE = "stale"
    FAILED = "failed"
    """Nothing was left to undo and nothing is in doubt."""
    ROLLED_BACK = "rolled back"
    PARKED = "parked"
    """A person must look; nothing automatic touches the target until then."""
    UNVERIFIED = "unverified"


class Mode(StrEnum):
    """How far the bot may go by itself; ordered from least to most."""

    OBSERVE = "observe"
    SUGGEST = "suggest"
    APPROVE = "approve"
    AUTOMATIC = "automatic"


class Source(StrEnum):
    """Where a wish came from."""

    SLACK = "slack"
    CLI = "cli"
    KAFKA = "kafka"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked: a person by chat or system identity, or a policy in the name of an incident."""

    id: str
    name: str
    is_person: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """A typed request: which runbook, on what, with which parameters, because of what."""

    runbook: str
    target: str
    parameters: tuple[tuple[str, str], ...] = ()
    because: str = ""

    def parameter(self, name: str) -> str:
        """Return a parameter by name, `""` where the wish has none."""
        return dict(self.parameters).get(name, "")


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the journal; times are unix seconds, empty texts mean not yet.

    `parent` is the operation that opened it as a part of its own change, `""` for most.
    """

    id: str
    wish: Wish
    source: Source
    requested_by: Actor
    state: State
    created_at: float
    deadline_at: float
    mode: Mode = Mode.APPROVE
    target_id: str = ""
    target_name: str = ""
    lane: str = ""
    fingerprint: str = ""
    plan: str = ""
    decided_by: str = ""
    decided_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    outcome: Outcome | None = None
    reason: str = ""
    channel: str = ""
    message: str = ""
    parent: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state is not State.ENDED

    @property
    def is_withdrawn(self) -> bool:
        """Whether its reason was gone before anybody decided on it."""
        return self.outcome is Outcome.STALE and not self.decided_at

    @property
    def ask_run(self) -> str:
        """The id of the engine run that plans and asks."""
        return f"{self.id}:ask"

    @property
    def apply_run(self) -> str:
        """The id of the engine run that changes."""
        return f"{self.id}:apply"
