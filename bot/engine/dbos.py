"""The engine on DBOS Transact: SQLite by default, PostgreSQL where there is one.

One generic workflow and one queue; nothing is decorated at import, and DBOS's own cancel, workflow
timeouts and resume are never used, since each of them breaks the lane (one change at a time).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetEnqueueOptions,
    SetWorkflowID,
    error,
)

from bot.engine.api import Checkpoints, Json
from bot.engine.database import (
    OneProcess,
    OneReplica,
    is_sqlite,
    may_pass,
    open_database,
    sqlite_path,
)
from bot.errors import Permanent, Transient

QUEUE = "changes"
Entry = Callable[[str, Checkpoints], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DbosSettings:
    """Where DBOS keeps its tables and how eagerly it looks.

    `executor_id` is fixed, so that a process takes up what the one before it left; a lock makes it
    unique.
    """

    url: str
    executor_id: str = "ilbot"
    changes_at_once: int = 200
    """More than there are lanes at work: a change that waits for a person, or for a name to take
    effect, holds its place here too. How hard CloudStack is asked, its client bounds."""
    queue_poll_s: float = 0.2
    mail_poll_s: float = 0.5
    deaths_allowed: int = 20
    """How often one run may take its process with it before DBOS gives it up."""


class DbosEngine:
    """`Engine` on DBOS. One per process; `entry(kind, checkpoints)` is the body of every run."""

    def __init__(self, settings: DbosSettings, entry: Entry) -> None:
        self._settings = settings
        self._entry = entry
        self._database: sa.Engine | None = None
        self._lock = (
            OneProcess(sqlite_path(settings.url))
            if is_sqlite(settings.url)
            else OneReplica(settings.url)
        )
        self._running: set[asyncio.Task[object]] = set()
        self._failed: asyncio.Queue[str] = asyncio.Queue()
        self._closing = False
        self._workflow: Callable[[str], Awaitable[None]] | None = None

    async def launch(self) -> None:
        """Take the file's lock, migrate, and take up what was running."""
        self._lock.acquire()
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        self._database = await asyncio.to_thread(open_database, self._settings.url, pool_size=20)
        DBOS(config=self._config(self._database))

        async def live(
            kind: str,
        ) -> None:  # DBOS marks the function it is given; a method has no room
            await self._live(kind)

        self._workflow = DBOS.workflow(
            name="ilbot.run", max_recovery_attempts=self._settings.deaths_allowed
        )(live)
        DBOS.launch()
        await asyncio.to_thread(self._register_queue, self._database)

    async def close(self) -> None:
        """Cancel running steps and wait for them, then DBOS; rows stay as they are."""
        self._closing = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        DBOS.destroy(destroy_registry=True)
        # DBOS shuts down the executor it made the loop's default: to_thread and DNS would fail.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        if self._database is not None:
            self._database.dispose()
        self._lock.release()

    async def start(self, kind: str, run_id: str, lane: str = "") -> None:
        """Start a run, once per id: in its lane's turn, or at once where it has no lane."""
        assert self._workflow is not None, "launched"
        if await self.is_over(run_id) is not None:
            return
        with _in_our_words(f"start run {run_id}"), SetWorkflowID(run_id):
            if not lane:
                await DBOS.start_workflow_async(self._workflow, kind)  # type: ignore[arg-type]  # DBOS types want its own wrapper
                return
            with SetEnqueueOptions(queue_partition_key=lane):
                await DBOS.enqueue_workflow_async(QUEUE, self._workflow, kind)  # type: ignore[arg-type]  # DBOS types want its own wrapper

    async def notify(self, run_id: str, topic: str, message: Json) -> None:
        """Leave a message for a run."""
        with _in_our_words(f"tell run {run_id}"):
            await DBOS.send_async(run_id, message, topic)

    async def is_over(self, run_id: str) -> bool | None:
        """Whether a run has ended; None where there is no such run."""
        with _in_our_words(f"look at run {run_id}"):
            status = await DBOS.get_workflow_status_async(run_id)
        return None if status is None else status.status not in {"PENDING", "ENQUEUED", "DELAYED"}

    async def watch(self) -> None:
        """Wait for ever; `Permanent` once a run ended here whose end could not be recorded.

        A full disk does that. DBOS takes such a run, and the lane it holds, up again in a new
        process only (`dbos.DBOS.launch`), so whoever hears this ends this one.
        """
        while True:
            run_id = await self._failed.get()
            if not await self._is_recorded(run_id):
                raise Permanent(f"record the end of run {run_id}: the engine's database refused")

    async def _is_recorded(self, run_id: str) -> bool:
        try:
            return bool(await self.is_over(run_id))
        except Transient:
            return False

    async def _live(self, kind: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            run_id = DBOS.workflow_id
            assert run_id is not None, "inside a workflow"
            task.add_done_callback(lambda ended: self._note_failure(run_id, ended))
            await self._entry(kind, DbosCheckpoints(run_id))
        finally:
            self._running.discard(task)

    def _note_failure(self, run_id: str, ended: asyncio.Task[object]) -> None:
        if not self._closing and not ended.cancelled() and ended.exception() is not None:
            self._failed.put_nowait(run_id)

    def _register_queue(self, database: sa.Engine) -> None:
        client = DBOSClient(
            system_database_engine=database, serializer=DBOSPortableJSONSerializer()
        )
        client.register_queue(
            QUEUE,
            partition_concurrency=1,
            global_concurrency=self._settings.changes_at_once,
            polling_interval_sec=self._settings.queue_poll_s,
        )
        client.destroy()

    def _config(self, database: sa.Engine) -> DBOSConfig:
        return DBOSConfig(
            name="ilbot",
            system_database_url=self._settings.url,
            system_database_engine=database,
            executor_id=self._settings.executor_id,
            application_version="1",  # a hash of the source would strand runs at every edit
            serializer=DBOSPortableJSONSerializer(),  # pickle in a database is code execution
            notification_listener_polling_interval_sec=self._settings.mail_poll_s,
            max_executor_threads=32,  # it has no bound by itself: 100 runs were 100 threads
            log_level="WARNING",
        )


@contextmanager
def _in_our_words(what: str) -> Iterator[None]:
    """Translate what DBOS and its database raise; what DBOS retries by itself does not get here."""
    try:
        yield
    except sa.exc.SQLAlchemyError as exc:
        if not may_pass(exc):
            raise
        why = type(getattr(exc, "orig", None) or exc).__name__
        raise Transient(f"{what}: the engine's database refused ({why})", in_doubt=True) from exc
    except error.DBOSNonExistentWorkflowError as exc:
        raise Permanent(f"{what}: the engine has no such run") from exc


class DbosCheckpoints:
    """`Checkpoints` of one DBOS workflow."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    async def record(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        """Run the body as a DBOS step; it returns JSON and never raises but at cancellation."""

        async def step() -> Json:
            return await body()

        return await DBOS.run_step_async({"name": name}, step)

    async def sleep(self, seconds: float) -> None:
        """Wait by DBOS's stored deadline."""
        await DBOS.sleep_async(seconds)

    async def receive(self, topic: str, timeout_s: float) -> Json | None:
        """Wait for a message by DBOS's stored deadline."""
        return await DBOS.recv_async(topic, timeout_seconds=timeout_s)

    async def patched(self, name: str) -> bool:
        """Whether this run has the named change."""
        return await DBOS.patch_async(name)
