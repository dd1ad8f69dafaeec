"""The composition root: turns settings into a running bot, and stops it in the right order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from bot import connections
from bot.adapters import kafka as kafka_client
from bot.adapters.clock import SystemClock
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.servers import CloudStackServers
from bot.adapters.slack import SlackChat
from bot.domain.operation import Source
from bot.engine.api import Checkpoints, Hands, Run
from bot.engine.dbos import DbosEngine, DbosSettings
from bot.errors import Permanent, Refused
from bot.intakes import bus_intake, cpu_intake
from bot.ports import Directory, World
from bot.services.advice_news import AdviceNews
from bot.services.advising import Advising
from bot.services.answers import Answers, Sources
from bot.services.cards import Cards, CardSettings
from bot.services.change_curve import ChangePlots
from bot.services.children import JournalChildren
from bot.services.cloud_news import CloudNews
from bot.services.cloud_watch import CloudWatch
from bot.services.cpu_after import CpuAfter
from bot.services.cpu_case import Hosts
from bot.services.cpu_reading import CpuWatch
from bot.services.dispatcher import Dispatcher
from bot.services.drift import DriftWatch
from bot.services.drift_report import DriftReport
from bot.services.fleet import Fleet
from bot.services.incidents import Desk, Incidents
from bot.services.journal import Journal
from bot.services.lifecycle import Lifecycle, Office
from bot.services.operations import Door, Operations
from bot.services.our_machines import OurMachines
from bot.services.policy_file import PolicyFile
from bot.services.probing import ProbeDesk
from bot.services.progress import Progress
from bot.services.questions import Questions
from bot.services.saturation import Saturation
from bot.services.service_view import Outlook
from bot.services.switch import KillSwitch
from bot.services.telling import Telling
from bot.services.waiting import Waiting
from bot.settings import Settings
from bot.settings.probe_groups import BOT
from handlers import http as http_handler
from handlers import probe_agents
from handlers.conversation import Conversation
from handlers.operation_metrics import OperationMetrics
from handlers.poll import Poller
from handlers.routes import RUNBOOKS, menu
from handlers.slack import SlackAccess, SlackHandler
from workflows.words import Words

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Books:
    """What is stored here: all that listing, stopping and proving need, without a CloudStack."""

    settings: Settings
    clock: SystemClock
    journal: Journal
    progress: Progress
    policies: PolicyFile
    switch: KillSwitch


@dataclass(frozen=True, slots=True)
class Core(Books):
    """What both the running bot and the command line plan with."""

    cloud: CloudStackCloud
    servers: CloudStackServers
    directory: Directory
    probes: ProbeDesk
    fleet: Fleet


class Ring:
    """Tells everybody who wants to know that an operation changed."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[str], None]] = []

    def __call__(self, operation_id: str) -> None:
        """Tell them."""
        for listener in self.listeners:
            listener(operation_id)


async def open_books(
    settings: Settings, stack: AsyncExitStack, changed: Callable[[str], None]
) -> Books:
    """Open the journal, which the stack closes again; `changed` hears of operations that move."""
    clock = SystemClock()
    _make_folder(settings.state_dir)
    journal = Journal(settings.journal_url, clock)
    stack.push_async_callback(journal.close)
    await journal.open()
    progress = Progress(journal, changed)
    policies = PolicyFile(settings.bot.policies_file, RUNBOOKS)
    switch = KillSwitch(journal, settings.stop_file)
    return Books(settings, clock, journal, progress, policies, switch)


async def open_core(
    settings: Settings, stack: AsyncExitStack, changed: Callable[[str], None]
) -> Core:
    """Open the journal and a client of CloudStack."""
    books = await open_books(settings, stack, changed)
    access = connections.cloud_access(settings.cloudstack)
    http = await stack.enter_async_context(connections.cloud_http(settings.cloudstack, access))
    client = connections.cloud_client(settings.cloudstack, access, http, books.clock)
    cloud = CloudStackCloud(client)
    directory = connections.directory(settings.directory)
    probes = await _probe_desk(books, stack)
    outlook = Outlook(directory, probes, settings.probe.drain_s)
    return Core(
        settings, books.clock, books.journal, books.progress, books.policies, books.switch,
        cloud=cloud, servers=CloudStackServers(client), directory=directory, probes=probes,
        fleet=Fleet(cloud, books.clock, books.progress.history, outlook, books.progress.past),
    )  # fmt: skip


async def _probe_desk(books: Books, stack: AsyncExitStack) -> ProbeDesk:
    """A prober of our own opens no connection before a run has something to watch."""
    probe, local = books.settings.probe, None
    if probe.from_bot:
        local = await stack.enter_async_context(connections.prober(probe, BOT))
    keep_s = probe.keep_days * 86400.0
    return ProbeDesk(books.journal, books.clock, local, connections.pacing(probe), keep_s)


def _make_folder(state_dir: Path) -> None:
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise Refused(
            f"The state folder {state_dir} cannot be made: {exc.strerror}.",
            instead="Set bot.state_dir to a folder that this user may write to.",
        ) from exc


class App:
    """The running bot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._parts: dict[str, Callable[[], tuple[bool, str]]] = {}
        self._engine_is_up = False

    async def run(self, stop: asyncio.Event) -> None:
        """Live until told to stop; `Permanent` where a part died, since it must not look alive."""
        try:
            await self.start()
            told = asyncio.create_task(stop.wait())
            await asyncio.wait({told, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if dead := [task.get_name() for task in self._tasks if task.done()]:
                raise Permanent(f"run ilbot: its part {dead[0]} died; the log has the reason")
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start from the inside out: databases, engine, cards, then what lets wishes in."""
        if missing := self._settings.missing():
            raise Refused(
                f"Not set: {', '.join(missing)}.",
                instead="`ilbot init` writes a file to fill in, `ilbot check` tries it.",
            )
        ring = Ring()
        core = await open_core(self._settings, self._stack, ring)
        questions = Questions(core.journal, ring)
        engine, lifecycle = self._engine(core, questions, ring)
        door = Door(core.journal, engine, core.policies, RUNBOOKS, core.clock, core.switch, ring)
        operations = Operations(door)
        chat = SlackChat(connections.slack_web(self._settings))
        news = CloudNews(core.journal, chat, self._settings.slack.channel)
        told = Telling("cloud news", news.tell)
        watch = CloudWatch(core.journal, core.servers, core.clock, told.changed)
        lifecycle.append(
            Lifecycle(
                Office(
                    core.journal, operations, core.fleet, core.policies, RUNBOOKS,
                    core.switch, core.clock, ring, self._settings.can_write, watch.pause,
                )
            )
        )  # fmt: skip
        await engine.launch()
        self._stack.push_async_callback(engine.close)
        self._engine_is_up = True
        self._spawn("engine", engine.watch())
        self._parts["probing"] = core.probes.health
        self._spawn("probing", core.probes.run())
        self._parts["policies"] = core.policies.health
        cards = self._cards(core, chat)
        dispatcher = Dispatcher(core.journal, engine, core.clock, ring)
        ring.listeners += [cards.changed, dispatcher.wake]
        await dispatcher.refresh_cards()
        self._parts["cards"] = cards.health
        self._spawn("cards", cards.run())
        self._stack.push_async_callback(cards.flush)
        self._spawn("dispatcher", dispatcher.run())
        waiting = Waiting(core.journal, questions, engine, core.switch)
        ring.listeners.append(waiting.wake)
        self._spawn("waiting changes", waiting.run())
        self._spawn("cloud news", told.run())
        self._report_drift(core, chat)
        ours = self._list_machines(core)
        desk = Desk(
            core.journal, operations, core.fleet, core.cloud, core.policies, core.clock, watch,
            self._settings.poll.health_every_s, ours.known,
        )  # fmt: skip
        self._watch_cpu(desk, chat, ours, ring)
        await self._let_wishes_in(core, operations, Incidents(desk), cards, ours)
        log.info("started", can_write=self._settings.can_write, policies=core.policies().version)

    async def stop(self) -> None:
        """Stop in reverse: intake, cards, running steps, engine, clients, databases."""
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
        log.info("stopped")

    def health(self) -> Mapping[str, tuple[bool, str]]:
        """Return each part's state and reason, for the readiness check."""
        parts = {name: tell() for name, tell in self._parts.items()}
        return {"engine": (self._engine_is_up, "engine: running")} | parts

    def _engine(
        self, core: Core, questions: Questions, ring: Ring
    ) -> tuple[DbosEngine, list[Lifecycle]]:
        """The engine needs the bodies of its runs, and they need the engine: bound late, once."""
        late: list[Lifecycle] = []
        pace = connections.pace(self._settings)
        proof = connections.proof(self._settings.probe)
        children = JournalChildren(core.journal, core.clock, ring)
        world = World(
            core.cloud, core.clock, core.directory, questions, pace, core.probes, proof, children
        )
        hands = Hands(world, core.journal, core.progress, core.switch)

        async def entry(kind: str, checkpoints: Checkpoints) -> None:
            run = Run(checkpoints, hands)
            with structlog.contextvars.bound_contextvars(run=run.id):
                await (late[0].ask(run) if kind == "ask" else late[0].apply(run))

        return DbosEngine(DbosSettings(self._settings.engine_url), entry), late

    def _report_drift(self, core: Core, chat: SlackChat) -> None:
        slack, every_s = self._settings.slack, self._settings.poll.drift_every_s
        if not every_s:
            return
        watch = DriftWatch(core.fleet, core.journal)
        report = DriftReport(
            watch, core.journal, chat, channel=slack.channel, command=slack.command
        )
        poller = Poller("drift report", report.tell, every_s)
        self._parts["drift report"] = poller.health
        self._spawn("drift report", poller.run())

    def _cards(self, core: Core, chat: SlackChat) -> Cards:
        slack = self._settings.slack
        plots = ChangePlots(core.journal, core.progress, core.probes)
        return Cards(
            core.journal,
            core.progress,
            chat,
            Words(),
            RUNBOOKS,
            CardSettings(slack.channel, self._settings.bot.card_interval_s, plot=plots),
        )

    def _list_machines(self, core: Core) -> OurMachines:
        """Keep the list by whose keys records of Kafka are passed over unread."""
        ours, cpu = OurMachines(core.cloud, core.clock), self._settings.cpu
        if self._settings.kafka.enabled or cpu.source == "kafka":
            poller = Poller("machines", ours.refresh, self._settings.poll.interval_s)
            self._parts["machines"] = poller.health
            self._spawn("machines", poller.run())
        return ours

    async def _let_wishes_in(
        self,
        core: Core,
        operations: Operations,
        incidents: Incidents,
        cards: Cards,
        ours: OurMachines,
    ) -> None:
        poller = Poller("poller", incidents.sweep, self._settings.poll.interval_s)
        self._parts["poller"] = poller.health
        self._spawn("poller", poller.run())
        if self._settings.kafka.enabled:
            words = self._stack.enter_context(kafka_client.last_words())
            intake = bus_intake(self._settings, incidents.hear, ours, words)
            self._parts["kafka"] = intake.health
            self._spawn("kafka", intake.run())
        slack = self._settings.slack
        assert slack.bot_token is not None and slack.app_token is not None, "looked at in start"
        answers = Answers(
            Sources(
                core.journal, core.progress, core.fleet, core.policies, core.switch, menu(),
                slack.command, lambda: tuple(self.health().values()),
            )
        )  # fmt: skip
        access = SlackAccess(slack.bot_token, slack.app_token, slack.base_url, slack.command)
        handler = SlackHandler(access, Conversation(operations, answers))
        numbers = OperationMetrics(core.journal, core.switch, cards.behind, poller.age_s)
        self._serve_http(core, numbers)
        await handler.start()
        self._parts["slack"] = handler.health
        self._stack.push_async_callback(handler.stop)

    def _watch_cpu(self, desk: Desk, chat: SlackChat, ours: OurMachines, ring: Ring) -> None:
        cpu, rule = self._settings.cpu, connections.cpu_rule(self._settings.cpu)
        if cpu.source == "off":
            return
        hosts = Hosts(cpu.host_machines, cpu.host_window_s)
        after = CpuAfter(desk, ring, hosts)
        news = AdviceNews(desk.journal, chat, self._settings.slack.channel)

        async def tell() -> None:
            await after.look()  # first: what it tells in a thread is not told in the channel
            await news.tell()

        told = Telling("advice news", tell)
        self._spawn("advice news", told.run())
        source = Source.KAFKA if cpu.source == "kafka" else Source.POLL
        advisor = Advising(desk.fleet, RUNBOOKS)
        saturation = Saturation(desk, advisor, rule, source, told.changed, hosts)
        if cpu.source == "poll":
            looking = CpuWatch(desk.cloud, desk.clock, rule, saturation)
            poller = Poller("cpu", looking.look, cpu.interval_s)
            self._parts["cpu"] = poller.health
            self._spawn("cpu", poller.run())
            return
        words = self._stack.enter_context(kafka_client.last_words())
        keys = ours.keys if cpu.by_key else lambda: None
        intake = cpu_intake(self._settings, saturation, keys, rule, words)
        self._parts["cpu"] = intake.health
        self._spawn("cpu", intake.run())

    def _serve_http(self, core: Core, numbers: OperationMetrics) -> None:
        http, agents = self._settings.http, self._settings.probe.agents
        if not http.port:
            return
        listener = self._stack.enter_context(http_handler.listener(http.host, http.port))
        more = probe_agents.routes(core.probes, agents)
        app = http_handler.create_app(self.health, numbers, more=more)
        server = _Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self._spawn("http", server.serve(sockets=[listener]))

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_report)
        self._tasks.append(task)


class _Server(uvicorn.Server):
    """A server that leaves signals to `bot.__main__`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("part_died", part=task.get_name(), error=repr(error), exc_info=error)
