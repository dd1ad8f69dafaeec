"""Answer queryAsyncJobResult and listAsyncJobs."""

from __future__ import annotations

from bot.sandbox.cloud.frame import Body
from bot.sandbox.cloud.jobs import job_body
from bot.sandbox.cloud.model import Job
from bot.sandbox.cloud.request import Request


def query_job(request: Request) -> Body:
    """Show one job. HTTP 200 whatever became of it; an unknown id is a 431."""
    return job_body(request.state, request.required_entity("jobid", Job))


def list_jobs(request: Request) -> Body:
    """List unfinished jobs that have an instance type: how one ended is not to be seen here."""
    unfinished = [
        job
        for job in request.state.all(Job)
        if job.status == 0 and job.bus_instance_type is not None
    ]
    return request.page("asyncjobs", unfinished, lambda job: job_body(request.state, job))
