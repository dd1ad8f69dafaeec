"""Turn an accepted command into an async job, and what becomes of it into the job's frame.

Follows ApiAsyncJobDispatcher, AsyncJobJoinDaoImpl and ActionEventInterceptor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.sandbox.cloud.frame import Body, JobFailed, date, present
from bot.sandbox.cloud.model import Account, Event, Job
from bot.sandbox.cloud.processes import FOREVER, Work
from bot.sandbox.cloud.records import Action, Stage, publish_job, record_event
from bot.sandbox.cloud.state import CloudState


@dataclass(frozen=True, slots=True)
class Spoiled:
    """What a fault does to one job: nothing by default."""

    slow_s: float = 0.0
    hangs: bool = False
    fails: JobFailed | None = None
    fails_after: JobFailed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A command that will run as a job: its work and everything its records say about it.

    `shown_type` and `shown_id` are what queryAsyncJobResult shows; the instance type in the
    database, which the bus shows, is often another one, and decides whether listAsyncJobs
    lists the job at all.
    """

    command: str
    account: Account
    parameters: dict[str, str]
    work: Work
    action: Action
    bus_key: str | None = None
    bus_instance_type: str | None = None
    bus_instance_id: str | None = None
    shown_type: str | None = None
    shown_id: str | None = None
    context: dict[str, str] = field(default_factory=dict)
    spoiled: Spoiled = Spoiled()
    logs_only_schedule: bool = False  # the other stages are logged elsewhere, or by no one


def submit(state: CloudState, task: Task) -> Job:
    """Store the job, log and publish that it is scheduled, and let it begin."""
    scheduled = record_event(state, task.action, Stage.SCHEDULED, account=task.account)
    job = state.add(
        Job(
            **state.identity("job"),
            command=task.command,
            account=task.account,
            created=state.at,
            parameters=task.parameters,
            event_type=task.action.type,
            bus_key=task.bus_key,
            bus_instance_type=task.bus_instance_type,
            bus_instance_id=task.bus_instance_id,
            shown_type=task.shown_type,
            shown_id=task.shown_id,
            context=task.context,
            start_event=scheduled.number,
        )
    )
    publish_job(state, job)
    state.processes.spawn(_run(state, job, task, scheduled))
    return job


def cut_off(state: CloudState) -> None:
    """End the jobs that a killed server left: failed, and without any jobresult.

    Recorded: jobstatus 2, jobresultcode 530, completed at the restart.
    """
    for job in state.all(Job):
        if job.status == 0:
            job.status, job.result_code, job.completed = 2, 530, state.at


def job_body(state: CloudState, job: Job) -> Body:
    """Return the job as queryAsyncJobResult and listAsyncJobs show it."""
    knows_server = job.result is None  # a finished job no longer names the server that ran it
    return present(
        accountid=job.account.id,
        account=job.account.name,
        domainid=job.account.domain_id,
        domainpath=job.account.domain_path,
        userid=job.account.user_id,
        cmd=job.command,
        jobprocstatus=0,
        jobresultcode=job.result_code,
        jobresulttype="object" if job.result is not None else None,
        jobresult=job.result,
        jobinstancetype=job.shown_type,
        jobinstanceid=job.shown_id,
        managementserverid=state.server_id if knows_server else None,
        managementservername="localhost" if knows_server else None,
        created=date(job.created),
        completed=date(job.completed) if job.completed is not None else None,
        jobid=job.id,
        jobstatus=job.status,
    )


def _run(state: CloudState, job: Job, task: Task, scheduled: Event) -> Work:
    account, action = task.account, task.action
    if not task.logs_only_schedule:
        record_event(state, action, Stage.STARTED, account=account, parent=scheduled)
    try:
        job_result = yield from _spoil(task)
    except JobFailed as failure:
        status, code, stage = 2, failure.code, Stage.FAILED
        job_result = {"errorcode": failure.code, "errortext": failure.text}
    else:
        status, code, stage = 1, 0, Stage.COMPLETED
    if not task.logs_only_schedule:
        record_event(state, action, stage, account=account, parent=scheduled)
    job.status, job.result_code, job.completed = status, code, state.at
    job.result = _with_job(job_result, job)
    publish_job(state, job)


def _spoil(task: Task) -> Work:
    spoiled = task.spoiled
    if spoiled.hangs:
        yield FOREVER
    yield spoiled.slow_s
    if spoiled.fails is not None:
        raise spoiled.fails
    result = yield from task.work
    if spoiled.fails_after is not None:
        raise spoiled.fails_after
    return result


MACHINES = {"internalloadbalancervm", "router", "virtualmachine"}


def _with_job(result: Body, job: Job) -> Body:
    """Add the job to a result that is bound to a shown instance, as the serializer does."""
    if job.shown_id is None or not MACHINES & result.keys() or job.status == 2:
        return result
    kind, inner = next(iter(result.items()))
    return {kind: inner | {"jobid": job.id, "jobstatus": 0}}
