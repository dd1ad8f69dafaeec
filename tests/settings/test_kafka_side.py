"""`ilbot init --cloudstack`: what CloudStack needs to publish, in the folder its version reads."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.cli.kafka_side import BEAN, PRODUCER, kafka_side, write_kafka_side
from bot.errors import Refused
from bot.settings import Settings

GUIDE = (Path(__file__).parents[2] / "docs" / "INSTALL.md").read_text()
FOLDERS = {
    "4.18": "META-INF/cloudstack/core",
    "4.19.3.0": "META-INF/cloudstack/core",
    "4.20": "META-INF/cloudstack/event",
    "4.22.0.0": "META-INF/cloudstack/event",
}


def settings(**kafka: object) -> Settings:
    return Settings.model_validate({"kafka": kafka})


@pytest.mark.parametrize(("version", "folder"), FOLDERS.items())
def test_the_bean_goes_where_that_release_looks_for_it(version: str, folder: str) -> None:
    producer, bean = kafka_side(version, settings())
    assert (str(producer.path), str(bean.path)) == (PRODUCER, f"{folder}/{BEAN}")


@pytest.mark.parametrize("version", ["4.17", "4", "latest", "", "../../4.20"])
def test_another_version_is_refused(version: str) -> None:
    with pytest.raises(Refused, match=r"--cloudstack 4\.20"):
        kafka_side(version, settings())


def test_the_bean_is_the_one_of_the_administrators_guide() -> None:
    _, bean = kafka_side("4.20", settings())
    (element,) = ElementTree.fromstring(bean.text)
    assert element.attrib == {
        "id": "eventNotificationBus",
        "class": "org.apache.cloudstack.mom.kafka.KafkaEventBus",
    }


def test_the_guide_shows_the_files_that_are_written() -> None:
    producer, bean = kafka_side("4.20", settings(bootstrap="kafka-1.example.com:9092"))
    for language, text in (("properties", producer.text), ("xml", bean.text)):
        assert text in re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.M | re.S)


def test_the_producer_writes_to_the_topic_that_the_bot_reads() -> None:
    producer, _ = kafka_side("4.20", settings(bootstrap="a:1,b:2", topic="cs"))
    assert producer.text == "bootstrap.servers=a:1,b:2\nacks=all\ntopic=cs\nretries=3\n"


def test_a_guarded_broker_gets_a_user_of_clouds_own_and_not_our_password() -> None:
    guarded = settings(
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        username="ilbot",
        password="planted",
    )
    text = kafka_side("4.20", guarded)[0].text
    assert "security.protocol=SASL_SSL\n" in text
    assert 'scram.ScramLoginModule required username="cloudstack" password="FILL-IN";' in text
    assert "planted" not in text


def test_nothing_is_overwritten_and_then_nothing_is_written(tmp_path: Path) -> None:
    files = kafka_side("4.20", settings())
    (tmp_path / "META-INF/cloudstack/event").mkdir(parents=True)
    (tmp_path / files[1].path).write_text("mine")
    with pytest.raises(Refused, match="is left alone"):
        write_kafka_side(tmp_path, files)
    assert not (tmp_path / PRODUCER).exists()
    assert (tmp_path / files[1].path).read_text() == "mine"


@pytest.mark.parametrize("version", FOLDERS)
def test_init_writes_them_beside_the_settings(version: str, tmp_path: Path) -> None:
    toml = tmp_path / "ilbot.toml"
    done = CliRunner().invoke(cli, ["init", str(toml), "--cloudstack", version])
    assert done.exit_code == 0, done.output
    side = tmp_path / "cloudstack-management"
    assert toml.exists()
    assert (side / PRODUCER).exists()
    assert (side / FOLDERS[version] / BEAN).exists()


def test_init_takes_brokers_and_topic_from_settings_that_are_there(tmp_path: Path) -> None:
    toml = tmp_path / "ilbot.toml"
    toml.write_text("[kafka]\nbootstrap = 'kafka-9:9092'\ntopic = 'cs'\n")
    done = CliRunner().invoke(cli, ["init", str(toml), "--cloudstack", "4.22"])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "cloudstack-management" / PRODUCER).read_text()
    assert "bootstrap.servers=kafka-9:9092\n" in text
    assert "topic=cs\n" in text
    assert toml.read_text().startswith("[kafka]")
