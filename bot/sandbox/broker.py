"""Turns librdkafka's mock cluster into a Kafka broker that other processes can talk to.

It speaks the real protocol over loopback TCP. It knows one group member at a time, no look-up by
time, no transactions and no security, and keeps about 5 MB a partition: enough for a demo.
"""

from __future__ import annotations

from confluent_kafka import Producer

_READY_S = 10.0
_FLUSH_S = 10.0


class Broker:
    """A broker that lives as long as this object; its topics are made when first used."""

    def __init__(self) -> None:
        self._producer: Producer | None = None

    def start(self) -> str:
        """Start it and return `host:port`, loopback and free by construction."""
        self._producer = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 3}
        )
        (broker,) = self._producer.list_topics(timeout=_READY_S).brokers.values()
        return f"{broker.host}:{broker.port}"

    def publish(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Write one record and return when the broker has it."""
        if self._producer is None:
            raise RuntimeError("the broker is not started")
        failures: list[str] = []
        self._producer.produce(
            topic,
            key=key,
            value=value,
            on_delivery=lambda error, _: failures.append(str(error)) if error else None,
        )
        left = self._producer.flush(_FLUSH_S)
        if failures or left:
            raise RuntimeError(f"publish to {topic}: {failures or 'no answer'}")

    def close(self) -> None:
        """End it; its records are gone."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            del producer
