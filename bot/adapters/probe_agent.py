"""A probe agent: asks the bot what to watch, watches it, and delivers what it saw, for ever."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError

from bot.adapters.prober import Prober
from bot.domain.probing import Pacing, Sample, Watched
from bot.errors import IlbotError, Permanent, Refused, Transient

log = structlog.get_logger(__name__)
EVERY_S = 1.0
LONGEST_WAIT_S = 30.0
ALONE_S = 900.0
"""How long it goes on without a word from the bot, which may be restarting in a change."""
MOST_KEPT = 20_000
"""Samples that wait for the bot: half an hour of ten places. The oldest go first."""
AT_ONCE = 500
_ASTRAY_S = 0.5

_SAMPLES: TypeAdapter[list[Sample]] = TypeAdapter(list[Sample])


@dataclass(frozen=True, slots=True)
class _Work:
    now: float
    places: tuple[Watched, ...]
    pacing: Pacing


_WORK: TypeAdapter[_Work] = TypeAdapter(_Work)


class ServerTime:
    """The bot's time as far as it is known here, so that two clocks need not agree."""

    def __init__(self, own: Callable[[], float] = time.time) -> None:
        self._own = own
        self._ahead_s = 0.0

    def __call__(self) -> float:
        """Return the bot's unix seconds."""
        return self._own() + self._ahead_s

    def hear(self, theirs: float, asked_at: float) -> None:
        """Correct it by an answer, where it differs by more than the answer's way explains."""
        heard_at = self._own()
        ahead_s = theirs - (asked_at + heard_at) / 2
        if abs(ahead_s - self._ahead_s) > _ASTRAY_S + (heard_at - asked_at) / 2:
            self._ahead_s = ahead_s

    def own(self) -> float:
        """Return this machine's own time."""
        return self._own()


class Agent:
    """Works for one bot; `http` has its address and this agent's token."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        prober: Prober,
        clock: ServerTime,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._prober = prober
        self._clock = clock
        self._sleep = sleep
        self._waiting: deque[Sample] = deque(maxlen=MOST_KEPT)
        self._heard_at = clock.own()
        self._failures = 0

    async def run(self) -> None:
        """Ask and deliver every second; while that fails, less and less often, but for ever."""
        while True:
            wait_s = EVERY_S
            try:
                await self.once()
                if self._failures:
                    log.info("probe_agent_is_heard_again", after_failures=self._failures)
                self._failures = 0
            except IlbotError as error:
                self._failures += 1
                if self._failures in {1, 10} or self._failures % 100 == 0:
                    log.warning("probe_agent_is_not_heard", error=str(error), times=self._failures)
                wait_s = min(LONGEST_WAIT_S, EVERY_S * 2.0 ** min(self._failures, 10))
                wait_s *= random.uniform(0.5, 1.0)  # noqa: S311  many agents, one bot
            await self._sleep(wait_s)

    async def once(self) -> None:
        """Ask what to watch, and deliver what was seen."""
        self._collect()
        try:
            work = await self._work()
        except IlbotError:
            if self._clock.own() - self._heard_at > ALONE_S:
                self._prober.set_places((), Pacing())
            raise
        self._heard_at = self._clock.own()
        self._prober.set_places(work.places, work.pacing)
        await self._deliver()

    def _collect(self) -> None:
        self._waiting.extend(self._prober.collect(self._clock()))

    async def _work(self) -> _Work:
        asked_at = self._clock.own()
        answer = await self._ask("GET", "ask what to watch", "/probe/work")
        try:
            work = _WORK.validate_json(answer.content)
        except ValidationError as exc:
            raise Permanent("ask what to watch: the answer is not that of an ilbot") from exc
        self._clock.hear(work.now, asked_at)
        return work

    async def _deliver(self) -> None:
        self._collect()
        while self._waiting:
            batch = list(self._waiting)[:AT_ONCE]
            content = _SAMPLES.dump_json(batch)
            try:
                await self._ask("POST", "deliver samples", "/probe/samples", content)
            except Permanent as error:  # the same again would be refused again, and all after it
                log.error("probe_samples_were_refused", samples=len(batch), error=str(error))
            for _ in batch:
                self._waiting.popleft()

    async def _ask(self, method: str, what: str, path: str, content: bytes = b"") -> httpx.Response:
        name = {"name": self._prober.name}
        headers = {"Content-Type": "application/json"} if content else {}
        try:
            answer = await self._http.request(
                method, path, params=name, content=content, headers=headers
            )
        except httpx.HTTPError as exc:
            where = f"{self._http.base_url.scheme}://{self._http.base_url.host}"
            raise Transient(f"{what} of {where}: {type(exc).__name__}") from exc
        if answer.status_code in {401, 403}:
            raise Refused(
                f"{what}: the bot does not know this token as that of {self._prober.name}.",
                instead="probe.agents of the bot and probe_agent.token must have the same.",
            )
        if answer.status_code in {400, 413, 422}:
            raise Permanent(f"{what}: the bot answered {answer.status_code}: {answer.text[:200]}")
        if answer.status_code != 200:
            raise Transient(f"{what}: the bot answered {answer.status_code}")
        return answer
