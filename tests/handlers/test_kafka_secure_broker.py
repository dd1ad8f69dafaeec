"""On a real broker with SCRAM over TLS: who is refused learns why, and a restart loses nothing."""

import asyncio
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bot.adapters.kafka import KafkaSettings, advice, check, consumer, producer
from bot.domain.observation import Observation
from bot.errors import Permanent
from handlers.kafka import Intake, IntakeSettings, ReadSettings, Start
from handlers.kafka_dead_letters import DeadLetterTopic
from handlers.kafka_metrics import IntakeMetrics
from handlers.kafka_triage import Triage
from tests.handlers.bus_records import stopped
from tests.services.missing import missing
from tests.services.run import free_port
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.kafka]

DEV = Path(__file__).parents[2] / "deploy" / "dev"
WAIT_S = 60.0
STOP_S = 10.0
PASSWORD = "correct horse"
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config={login}
ssl.keystore.type=PEM
ssl.keystore.location={home}/server.pem
log.dirs={home}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=2097152
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class SecureBroker:
    """A broker of this module's own, which may be stopped and started again."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        java, jars = said("find-java"), said("kafka/jars-folder")
        if java is None or jars is None or not Path(jars).is_dir():
            missing("Kafka", "make services (with Java 17 and Maven installed)")
        self._jvm = [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        self._jvm += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
        self._properties = home / "server.properties"

    def prepare(self) -> None:
        make_certificates(self.home)
        self._properties.write_text(
            PROPERTIES.format(
                plain=free_port(),
                secure=self.port,
                controller=free_port(),
                home=self.home,
                login=LOGIN,
            )
        )
        user = f"SCRAM-SHA-512=[name=ilbot,password={PASSWORD}]"
        form = ["kafka.tools.StorageTool", "format", "--standalone", "-t", "AAAAAAAAQACAAAAAAAAAAA"]
        form += ["--add-scram", user, "-c", str(self._properties)]
        subprocess.run([*self._jvm, *form], check=True, capture_output=True)

    def start(self) -> None:
        with (self.home / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._jvm, "kafka.Kafka", str(self._properties)],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def settings(self) -> KafkaSettings:
        return KafkaSettings(
            bootstrap=f"127.0.0.1:{self.port}",
            topic=f"t-{uuid.uuid4().hex[:8]}",
            security_protocol="SASL_SSL",
            username="ilbot",
            password=SecretStr(PASSWORD),
            ca_file=str(self.home / "ca.crt"),
            heartbeat_ms=300,
            session_ms=6_000,
        )


def said(script: str) -> str | None:
    told = subprocess.run([DEV / script], capture_output=True, text=True, check=False)
    return told.stdout.strip() if told.returncode == 0 else None


def make_certificates(home: Path) -> None:
    """A CA, and a certificate of it for 127.0.0.1 only."""
    (home / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=broker",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2"
        " -out server.crt -extfile names",
    ):
        subprocess.run(["openssl", *command.split()], cwd=home, check=True, capture_output=True)
    parts = [(home / name).read_text() for name in ("server.key", "server.crt", "ca.crt")]
    (home / "server.pem").write_text("".join(parts))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    broker = SecureBroker(tmp_path_factory.mktemp("kafka"))
    broker.prepare()
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


async def until_ready(settings: KafkaSettings) -> None:
    """Return when a record could be written, which also makes the topic."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with suppress(Exception):
                await publish(settings, b"{}")
                return
            await asyncio.sleep(0.2)


async def publish(settings: KafkaSettings, *values: bytes) -> None:
    sender = producer(settings)
    try:
        await sender.start()
        for value in values:
            await sender.send_and_wait(settings.topic, value)
    finally:
        await sender.stop()


async def test_the_right_user_is_let_in(secure: SecureBroker) -> None:
    settings = secure.settings()
    await until_ready(settings)

    assert settings.topic in await check(settings)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"password": SecretStr("wrong")}, "Check user (ilbot), password and SASL mechanism"),
        ({"username": "nobody"}, "Check user (nobody), password"),
        ({"ca_file": ""}, "Give the CA that signed it"),
        ({"security_protocol": "PLAINTEXT"}, "TLS, SASL or a client certificate"),
    ],
)
async def test_who_is_refused_learns_what_to_do_next(
    secure: SecureBroker, wrong: dict[str, object], sentence: str
) -> None:
    settings = secure.settings()
    await until_ready(settings)

    with pytest.raises(Permanent) as refused:
        await check(replace(settings, **wrong))  # type: ignore[arg-type]  # fields by name
    assert sentence in str(refused.value)
    assert PASSWORD not in str(refused.value)


async def test_a_certificate_for_another_name_is_said_so(secure: SecureBroker) -> None:
    settings = secure.settings()
    await until_ready(settings)

    with pytest.raises(Permanent, match="host name that is in the certificate"):
        await check(replace(settings, bootstrap=f"localhost:{secure.port}"))


async def test_a_restart_of_the_broker_loses_nothing(secure: SecureBroker) -> None:
    settings = secure.settings()
    await until_ready(settings)
    stored: list[str] = []

    async def store(observation: Observation) -> None:
        stored.append(observation.target_id)

    read = ReadSettings(topic=settings.topic, start=Start.EARLIEST, commit_timeout_s=1)
    letters = DeadLetterTopic(lambda: producer(settings), settings.dead_letters)
    metrics = IntakeMetrics(CollectorRegistry())
    intake = Intake(
        lambda: consumer(settings),
        IntakeSettings(read=read, silence_s=2, reconnect_min_s=0.1),
        Triage(store, letters, metrics),
        metrics=metrics,
        explain=lambda error: advice(settings, error),
    )
    task = asyncio.create_task(intake.run())
    try:
        await publish(settings, stopped("before"))
        await until(lambda: stored == ["before"])

        secure.stop()
        await until(lambda: not intake.health()[0])
        secure.start()
        await until_ready(settings)
        await publish(settings, stopped("after"))
        await until(lambda: "after" in stored and intake.health()[0])

        assert not task.done()
        assert set(stored) == {"before", "after"}
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
