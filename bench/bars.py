"""Measures a change against what it needs: its CloudStack calls, and the bot's own share of time.

Each runbook is carried out by the real bot on the memory engine, in a pretend cloud that is slow
enough for every job to take half a minute or more. Calls are exact; time is virtual, and each
call takes `CALL_S` of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.least import Least, least
from bench.table import Row, Table
from bot.domain.operation import Outcome
from bot.domain.share import Calls
from bot.sandbox.cloud import Latencies
from bot.sandbox.cloud.model import AclList, Job
from bot.services.progress import ENDED_WITH, PLANNED_WITH, Step
from tests.workflows import migrate_scenarios, resizes, scenarios
from tests.workflows.harness import House, house
from tests.workflows.sweep import Scenario

SLOW = Latencies(
    start_s=30.0, stop_s=30.0, deploy_s=30.0, destroy_s=30.0, assign_s=30.0, rule_s=30.0,
    tag_s=30.0, migrate_s=30.0,
)  # fmt: skip
"""A pretend cloud in which every job takes half a minute or more."""
CALL_S = 0.02
"""80 ms each, and four go at once."""
CALLS_BAR, SHARE_BAR = 1.2, 0.05
CASES = (
    scenarios.ROLL, scenarios.BESIDE, scenarios.TWINS, scenarios.ROUTERS, scenarios.PAIR,
    scenarios.ROUTER_PAIR, scenarios.UNPAIR, scenarios.BUILD, scenarios.REPLACE, scenarios.ACL,
    scenarios.STOPPED, scenarios.MISSING, scenarios.ROUTER_STOPPED, scenarios.ROUTER_FAILING,
    migrate_scenarios.MIGRATE, resizes.RESIZE_BESIDE, resizes.RESIZE_ROUTERS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """What one change took of CloudStack, and of time.

    `again` are the looks of `begin` and `finish`, `looks` those of the steps between, `waits`
    the reads of steps that wait for a state. `jobs_s` is what CloudStack's jobs took by its own
    clock, `own_s` what was neither that nor a wait that the plan states.
    """

    name: str
    least: Least
    planning: int
    again: tuple[int, int]
    looks: int
    changes: int
    polls: int
    waits: int
    own_s: float
    jobs_s: float

    @property
    def all_calls(self) -> int:
        """Every call from the wish to the receipt."""
        return self.planning + sum(self.again) + self.looks + self.changes + self.polls + self.waits

    @property
    def calls_ratio(self) -> float:
        """Return how many times the least it took; looking again counts where it is too much."""
        begin, end = self.again
        too_much = (
            max(0, begin - self.least.reads)
            + max(0, end - self.least.again_at_end)
            + max(0, self.looks - self.least.looks)
        )
        return (self.planning + self.changes + too_much) / self.least.total

    @property
    def own_share(self) -> float:
        """Return the bot's own time as a part of that of the jobs."""
        return self.own_s / self.jobs_s


async def measure() -> Table:
    """Return the table: what each runbook took of CloudStack and of time."""
    return shown([await cost_of(one) for one in CASES])


def shown(costs: Sequence[Cost]) -> Table:
    """Lay costs out in a table."""
    headings = (
        "to plan", "changes", "the least", "ratio", "again", "looks", "job polls", "waits",
        "all calls", "jobs", "own", "of jobs",
    )  # fmt: skip
    rows = tuple(
        Row(
            one.name,
            (
                str(one.planning),
                str(one.changes),
                str(one.least.total),
                f"{one.calls_ratio:.2f}",
                str(sum(one.again)),
                str(one.looks),
                str(one.polls),
                str(one.waits),
                str(one.all_calls),
                f"{one.jobs_s:.0f} s",
                f"{one.own_s:.1f} s",
                f"{one.own_share:.1%}",
            ),
        )
        for one in costs
    )
    return Table("changes: CloudStack calls and time, from the wish to the receipt", headings, rows)


async def cost_of(scenario: Scenario) -> Cost:
    """Carry a scenario out and return what it cost; it must end as it was meant to."""
    async with house(named=scenario.watched, watched=scenario.watched) as home:
        scenario.prepare(home)
        home.cloud.latencies = SLOW
        home.wire.before = lambda _command: home.clock.advance(CALL_S)
        earlier, lists = set(home.cloud.all(Job)), _acl_lists(home)
        ended = await home.do(scenario.runbook, scenario.target, **dict(scenario.parameters))
        assert ended.outcome is Outcome.DONE, f"{scenario.name}: {ended.reason}"
        planned = await home.plan(ended)
        steps = await home.progress.steps(ended.id)
        share = await home.progress.share(ended)
        assert share is not None
        notes = {row.kind: row.data for row in await home.journal.notes(ended.id)}
        planning, end = (Calls(**notes[one]["calls"]) for one in (PLANNED_WITH, ENDED_WITH))
        jobs = [job for job in home.cloud.all(Job) if job not in earlier]
        jobs_s = sum((job.completed or job.created) - job.created for job in jobs)
        polled_s = sum(step.seconds for step in steps if step.name == "await_job")
        between = [step for step in steps if step.name not in {"begin", "finish"}]
        return Cost(
            name=scenario.name,
            least=least(planned, lists),
            planning=planning.reads,
            again=(steps[0].calls.reads, end.reads),
            looks=_reads(between, waits=False),
            changes=sum(step.calls.changes for step in steps),
            polls=share.calls.polls,
            waits=_reads(between, waits=True),
            own_s=share.own_s + max(0.0, polled_s - jobs_s),
            jobs_s=jobs_s,
        )


def _reads(steps: Sequence[Step], *, waits: bool) -> int:
    return sum(step.calls.reads for step in steps if step.waits is waits)


def _acl_lists(home: House) -> int:
    """Those of the VPC of the tier that is provisioned, and the built-in ones."""
    vpc = home.tier("db-tier").vpc
    return sum(one.vpc in (None, vpc) for one in home.cloud.all(AclList))
