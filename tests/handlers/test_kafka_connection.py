"""A connection that is refused says in one sentence why, and what to do next."""

import logging

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)
from pydantic import SecretStr

from bot.adapters.kafka import CalmLog, KafkaSettings, advice, check, consumer
from bot.errors import Permanent
from tests.services.run import free_port

PASSWORD = SecretStr("planted-password")


async def test_nobody_listening_is_said_so() -> None:
    with pytest.raises(Permanent, match=r"nobody listens there\. Check host and port"):
        await check(KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}"))


async def test_a_topic_that_is_not_there_names_the_setting_to_compare(
    kafka: str, kafka_topic: str
) -> None:
    with pytest.raises(Permanent, match=r"shows no topic .* kafka\.producer\.properties"):
        await check(KafkaSettings(bootstrap=kafka, topic=kafka_topic))


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SSL", "SASL_SSL"])
async def test_a_wrong_protocol_points_at_the_protocol(kafka: str, protocol: str) -> None:
    settings = KafkaSettings(
        bootstrap=kafka,
        security_protocol=protocol,  # type: ignore[arg-type]  # one of the literals above
        username="ilbot",
        password=PASSWORD,
    )

    with pytest.raises(Permanent, match=r"protocol|PLAINTEXT|TLS, SASL") as refused:
        await check(settings)
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("SaslAuthenticationFailed: Authentication failed", "user (ilbot), password"),
        ("CERTIFICATE_VERIFY_FAILED: self-signed certificate in chain", "as the CA file"),
        ("CERTIFICATE_VERIFY_FAILED: IP address mismatch", "the host name that is in"),
        ("Connection at 10.0.0.1:9092 closed", "a client certificate that we do not send"),
        ("IllegalSaslStateError", "the SASL mechanism against the broker's listeners"),
        ("[Errno -2] Name or service not known", "the resolver"),
        ("", "address, network and firewall"),
    ],
)
def test_the_clients_last_words_become_the_next_thing_to_do(words: str, sentence: str) -> None:
    settings = KafkaSettings(bootstrap="k:9092", username="ilbot", password=PASSWORD)

    assert sentence in advice(settings, KafkaConnectionError("Unable to bootstrap"), words)


@pytest.mark.parametrize("denied", [TopicAuthorizationFailedError, GroupAuthorizationFailedError])
def test_a_missing_permission_lists_all_that_are_needed(denied: type[Exception]) -> None:
    told = advice(KafkaSettings(bootstrap="k:9092", username="ilbot"), denied("cloudstack"))

    assert "read and describe on topic cloudstack" in told
    assert "write on cloudstack.dlq" in told


def test_a_password_is_in_no_text_of_the_settings() -> None:
    assert "planted" not in repr(KafkaSettings(bootstrap="k:9092", password=PASSWORD))


async def test_tls_files_that_cannot_be_read_are_named() -> None:
    settings = KafkaSettings(bootstrap="k:9093", security_protocol="SSL", ca_file="/no/such/ca")

    with pytest.raises(Permanent, match="/no/such/ca"):
        consumer(settings)


def test_a_flood_of_client_lines_is_thinned_and_other_lines_pass() -> None:
    calm = CalmLog(lines_per_s=5)
    flood = [line("aiokafka.producer.sender") for _ in range(1_000)]

    assert sum(calm.filter(each) for each in flood) <= 10
    assert calm.filter(line("bot.app"))


def line(logger: str) -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, __file__, 1, "a line", None, None)
