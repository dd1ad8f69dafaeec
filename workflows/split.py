"""split: from one crowded ILB to several, a service or a group of services on each.

1. Create on each new address the rules of the services that go there, with the same members; an
   ILB VM comes with the first member. Give it the same offering, and see it on another host.
2. Prove each new ILB, from where clients are, before any client is sent there.
3. For one service after the other, the lightest first where that is known:
   a. See that its new ILB serves. Publish its names with the new address alone, wait until clients
      have looked again, and watch it for a while.
   b. Wait until its old rules are quiet by HAProxy's own count. Where nobody can see that, or
      somebody stays, a person says when they may go.
   c. See that its names still lead to the new ILB, and delete its old rules.
4. Watch all of them.

Every step is undone: an original that died by itself is started first, as `recover` would, old
rules are created again, names led back once the old address answers, and the new ILBs go when their
clients have gone. The original keeps a service, so its address and
its machine stay (CloudStack destroys an ILB VM with the last rule of its VIP).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.acts import Act
from bot.domain.counted import Drain
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan, in_words
from bot.domain.probing import Watched
from bot.domain.question import Question
from bot.domain.splitting import Do, Passage, Splitting, Stage, stages
from bot.domain.view import ports_in
from bot.engine.api import Run, StepFailed, Stopped
from bot.services.runbooks import Probing, Runbook
from bot.services.splittable import SPLITTABLE, Seen, splitting_of
from workflows import split_plans
from workflows.steps import directory, host, lb_rule, person, probe, revival, twin

NAME = "split"


class SplitRequest(BaseModel):
    """What a person may ask of `split`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="ILB VM, VIP or tier")
    into: int = Field(default=0, description="how many ILBs it becomes; default: 2", ge=2, le=16)
    groups: str = Field(
        default="",
        description="the partition, as web,api|admin: the first group stays; default: proposed",
        max_length=400,
    )
    weights: str = Field(
        default="",
        description="what each service carries, as web:3,api:1; default: counted by HAProxy",
        max_length=400,
    )
    together: str = Field(
        default="", description="services that stay together, as web,api|shop,cart", max_length=400
    )


def plan(seen: Seen, wish: Wish) -> Plan | NothingToDo:
    """Plan the partition that was asked for, or the one that is proposed; `Refused` without."""
    return split_plans.plan(seen, wish, NAME)


async def apply(run: Run, planned: Plan) -> None:
    """Do what the plan's stages say, in their order, as the module's docstring numbers them."""
    found = splitting_of(planned)
    split = _Split(run, planned, found)
    try:
        for stage in stages(found):
            await split.does[stage.do](stage)
        run.stage("Watch all of them")
        await probe.bake(run)
    except (StepFailed, Stopped):
        run.undo(f"{planned.target.name} started", split.start_the_original)  # before all else
        raise


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where clients are by service: sent to the new ILB, no longer sent to the old address, and
    whose old rules are gone."""

    led: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Split:
    """One split on its way; `hosts` are those on which one of its ILBs runs."""

    run: Run
    planned: Plan
    found: Splitting
    hosts: list[str] = field(default_factory=list)
    moment: _Moment = field(default_factory=_Moment)

    async def start_the_original(self) -> bool:
        """Start it where it died, say whether that was so: what stays is served by it alone.

        Before any name has moved, the new ILBs go even where it stays dead.
        """
        self.run.stage(f"See {self.found.vip} serve")
        is_started = False
        try:
            await self._look(self.moment)
            is_started = await revival.see_it_serve(self.run, self.planned, self.found.vip)
        except StepFailed:
            if self.moment.led:
                raise
        self.run.stage("Take it back")
        return is_started

    async def _look(self, moment: _Moment) -> None:
        self.moment = moment
        await probe.watch(self.run, self._places(moment))

    @property
    def does(self) -> Mapping[Do, Callable[[Stage], Awaitable[None]]]:
        """How each act is done."""
        return {
            Do.BUILD: self._build,
            Do.PROVE: self._prove,
            Do.PUBLISH: self._publish,
            Do.QUIET: self._wait_until_quiet,
            Do.REMOVE: self._remove,
        }

    async def _build(self, stage: Stage) -> None:
        run, found = self.run, self.found
        run.stage(f"Build the ILB at {stage.vip}")
        if not self.hosts:
            mine = await run.step(host.stands, self.planned.target.id, ())
            self.hosts.append(mine.host_id)
        for passage in found.of(stage.vip):
            for change in passage.builds:
                await lb_rule.carry_out(run, found.tier_id, change)
        machine = await twin.machine(run, found.tier_id, stage.vip)
        run.stage(f"Fit its offering and its host: {stage.vip}")
        await twin.fit(run, machine, found.offering_id)
        standing = await host.apart(run, machine.id, machine.name, tuple(self.hosts))
        self.hosts.append(standing.host_id)

    async def _prove(self, stage: Stage) -> None:
        self.run.stage(f"Prove that {stage.vip} answers")
        await self._look(_Moment())
        await twin.prove(self.run, self.planned, stage.vip)

    async def _publish(self, stage: Stage) -> None:
        run, passage = self.run, _passage(stage)
        before = self._before(passage)
        both = _Moment(before.led | {passage.label}, before.left, before.gone)
        run.stage(f"Move {in_words([one.after.name for one in passage.moves])} to {passage.vip}")
        await twin.carries(run, self.planned, passage.vip, f"move {passage.label} there")
        await self._still_built(passage)
        await twin.prove(run, self.planned, passage.vip)
        await probe.within_budget(run)
        self._goes_back(passage, before)
        await self._look(both)
        for move in passage.moves:
            await directory.publish(run, move.before, move.after)
        await self._look(self._moved(passage))
        await probe.bake(run)

    def _goes_back(self, passage: Passage, before: _Moment) -> None:
        """Let an undo lead clients back to the old address once it answers, and wait for those of
        the new one to go; the last registered comes first."""
        run, old = self.run, self.found.vip

        async def leave() -> None:
            places = self._places(before)
            await probe.watch(run, places)
            await probe.quiet(run, self.planned, passage.vip, places, passage.ports)

        async def look() -> None:
            await probe.watch(run, self._places(self._moved(passage)))

        run.undo(f"{passage.label} left by its clients at {passage.vip}", leave)
        twin.goes_back(run, self.planned, old, tuple(move.back for move in passage.moves))
        run.undo(f"{passage.label} looked at on {old} again", look)

    async def _wait_until_quiet(self, stage: Stage) -> None:
        passage = _passage(stage)
        places = self._places(self._moved(passage))
        found = await probe.quiet(self.run, self.planned, self.found.vip, places, passage.ports)
        if not found.is_quiet:
            await self._agreed(passage, found)

    async def _agreed(self, passage: Passage, drain: Drain) -> None:
        """Go on only when a person says that the old rules may go."""
        run, old = self.run, _olds(passage)
        what = f"{in_words(old)} {'is' if len(old) == 1 else 'are'}"
        run.stage(f"Ask whether {in_words(old)} may go")
        deadline_at = await run.step(person.person_deadline)
        why = (
            f"{what} still used: {drain.open} connections are open."
            if drain.is_visible
            else f"Nobody can see whether {what} still used: HAProxy's counters are not shown."
        )
        text = (
            f"{why} See that the clients of {passage.label} have gone to {passage.vip}, then press "
            "Done: the old rules are deleted, and whoever still uses them is refused."
        )
        lines = tuple(f"{one.after.name}: {one.text.partition(': ')[2]}" for one in passage.moves)
        question = Question(f"{run.next_step:03d}", text, (*old, *lines), deadline_at)

        async def serves() -> None:
            for vip in (passage.vip, self.found.vip):
                await twin.carries(run, self.planned, vip, f"wait for who still uses {old[0]}")
            await probe.within_budget(run)

        if not await person.ask(run, question, serves):
            raise StepFailed(
                "person", "permanent",
                f"remove {in_words(old)}: nobody said in time that its clients are gone",
                in_doubt=False,
            )  # fmt: skip

    async def _remove(self, stage: Stage) -> None:
        run, passage = self.run, _passage(stage)
        old = in_words(_olds(passage))
        run.stage(f"Delete {old}")
        for move in passage.moves:
            now = await run.step(directory.record_shows, move.after, 0.0)
            if now.addresses != move.after.addresses:
                led = in_words(now.addresses) or "nothing"
                text = f"remove {old}: somebody changed {now.name}, it leads to {led}"
                raise StepFailed("record_shows", "permanent", text, in_doubt=False)
        await twin.carries(run, self.planned, passage.vip, f"remove {old}")
        await self._still_built(passage)
        await probe.within_budget(run)
        moment = self._moved(passage)
        await self._look(_Moment(moment.led, moment.left, moment.gone | {passage.label}))
        for change in passage.removes:
            await lb_rule.carry_out(run, self.found.tier_id, change)

    async def _still_built(self, passage: Passage) -> None:
        """Look at its own rules: another one at that address makes it serve as well."""
        for change in passage.builds:
            await lb_rule.expect_after(self.run, self.found.tier_id, change)

    def _before(self, passage: Passage) -> _Moment:
        """Where clients are before a service moves: those before it have moved for good."""
        labels = [one.label for one in self.found.passages]
        done = frozenset(labels[: labels.index(passage.label)])
        return _Moment(done, done, done)

    def _moved(self, passage: Passage) -> _Moment:
        before = self._before(passage)
        mine = {passage.label}
        return _Moment(before.led | mine, before.left | mine, before.gone)

    def _places(self, moment: _Moment) -> tuple[Watched, ...]:
        """Return what is watched at a moment, and whether a loss there is one of clients."""
        goes = {port: one for one in self.found.passages for port in one.ports}
        old = [
            Watched(self.found.vip, port, counts=port not in goes
                    or goes[port].label not in moment.left)
            for port in ports_in(self.planned)
            if port not in goes or goes[port].label not in moment.gone
        ]  # fmt: skip
        new = [
            Watched(one.vip, port, counts=one.label in moment.led)
            for port, one in goes.items()
        ]  # fmt: skip
        return (*old, *new)


def _passage(stage: Stage) -> Passage:
    assert stage.passage is not None, "a stage that moves a service names it"
    return stage.passage


def _olds(passage: Passage) -> tuple[str, ...]:
    return tuple(f"{one.vip}:{one.port}" for one in passage.removes)


def probed(planned: Plan) -> Probing:
    """Probe all that the ILB serves from the beginning."""
    vip = splitting_of(planned).vip
    return Probing(tuple(Watched(vip, port) for port in ports_in(planned)), must_prove=True)


RUNBOOK = Runbook(
    name=NAME,
    summary="one crowded ILB to several, a service or a group of services on each",
    subject=SPLITTABLE,
    request=SplitRequest,
    plan=plan,
    apply=apply,
    left_to_do=split_plans.left_to_do,
    unsafe=split_plans.unsafe,
    acts=lambda planned: (Act.SPLIT,),
    probed=probed,
    not_measured="Traffic was not measured.",
)
