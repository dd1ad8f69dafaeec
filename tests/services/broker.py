"""Turn the jars that `make test` fetched into one real Kafka broker (KRaft, a single node)."""

import socket
import struct
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.missing import missing
from tests.services.run import Run, free_port

_DEV = Path(__file__).parents[2] / "deploy" / "dev"
_CLUSTER_ID = "AAAAAAAAQACAAAAAAAAAAA"
_API_VERSIONS = 18

# One partition and one thread of everything, and no pause before a group's first assignment. The
# session timeout is what a broker that was killed waits for at its next start.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=2097152
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class Lacking(Exception):
    """This machine has not what a broker needs; `remedy` is what helps."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"no {what} here; what helps: {remedy}")
        self.what = what
        self.remedy = remedy


@pytest.fixture(scope="session")
def kafka(ilbot_run: Run) -> str:
    """The bootstrap address of a real broker, one for the whole run; topics come into being."""
    try:
        return broker_of(ilbot_run)
    except Lacking as lack:
        missing(lack.what, lack.remedy)


@pytest.fixture
def kafka_topic(kafka: str) -> Iterator[str]:
    """A topic name, or the beginning of several, that no other test uses."""
    yield f"t-{uuid.uuid4().hex[:12]}"


def broker_of(run: Run) -> str:
    """Return the bootstrap address of the run's broker, started if need be, or raise `Lacking`."""
    java = _answer_of("find-java")
    if java is None:
        raise Lacking("Java 17 or newer", "make system (as root), or set JAVA_HOME")
    jars = _answer_of("kafka/jars-folder")
    if jars is None or not Path(jars).is_dir():
        raise Lacking("Kafka", "make services (with Maven installed)")
    return run.address_of("kafka", lambda: _start(run, java, jars))


def _answer_of(script: str) -> str | None:
    told = subprocess.run([_DEV / script], capture_output=True, text=True, check=False)
    return told.stdout.strip() if told.returncode == 0 else None


def _start(run: Run, java: str, jars: str) -> str:
    broker, controller = free_port(), free_port()
    home = run.new_folder("kafka")
    properties = home / "server.properties"
    properties.write_text(
        _PROPERTIES.format(broker=broker, controller=controller, data=home / "data")
    )
    jvm = [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData"]
    jvm += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
    form = ["kafka.tools.StorageTool", "format", "--standalone", "-t", _CLUSTER_ID]
    subprocess.run([*jvm, *form, "-c", properties], check=True, stdout=subprocess.DEVNULL)
    started = run.supervise("kafka", [*jvm, "kafka.Kafka", str(properties)])
    started.wait_until(lambda: _answers(broker))
    return f"127.0.0.1:{broker}"


def _answers(port: int) -> bool:
    """Ask for ApiVersions v0 (KIP-35): an open port comes before a broker that serves."""
    client = b"ready?"
    asked = struct.pack(f">hhih{len(client)}s", _API_VERSIONS, 0, 1, len(client), client)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(asked)) + asked)
            answer = connection.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)
