"""What is published as the format is what is read, and Telegraf's JSON means the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.bus import Unreadable
from bot.domain.load import CpuSample
from bot.services.cpu_format import TARGET as TARGET_PATTERN
from bot.services.cpu_format import CpuRecord, encode, schema_text
from handlers.kafka_cpu_records import Sample, plain_samples, samples_of

TARGET = "7747a5cc-0516-4562-b5c7-2bd6e7a81633"
AT = 1_795_381_263
TARGET_FORM = re.compile(TARGET_PATTERN.replace("$", r"\Z"))


def record(**changes: Any) -> bytes:
    return json.dumps({"target": TARGET, "at": AT, "cpu_percent": 97.5} | changes).encode()


def telegraf(fields: dict[str, Any], **tags: str) -> dict[str, Any]:
    """One metric as `outputs.kafka` with `data_format = "json"` writes it."""
    return {"name": "cpu", "timestamp": AT, "tags": {"cpu": "cpu-total"} | tags, "fields": fields}


def one_of(raw: Any, key: bytes | None = None) -> Sample:
    said = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    (sample,) = samples_of(said, key)[1]
    return sample


def test_the_published_schema_is_that_of_the_format() -> None:
    published = Path("docs/cpu-sample.schema.json").read_text(encoding="utf-8")
    assert published == schema_text()


def test_what_is_written_is_read() -> None:
    key, value = encode(CpuSample(TARGET, "b-31-VM", "kvm-a1", float(AT), 97.5))
    assert key == TARGET.encode()
    assert one_of(value, key) == (TARGET, AT, 97.5, "b-31-VM", "kvm-a1")


def test_blanks_around_an_object_are_json_too() -> None:
    assert one_of(b"\r\n\t " + record() + b"\n") == (TARGET, AT, 97.5, "", "")


def test_further_fields_are_no_mistake() -> None:
    assert one_of(record(memory_percent=3, version=2)) == (TARGET, AT, 97.5, "", "")


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "target": st.sampled_from([TARGET, "b-31-VM", "", "a b", "x\n", "é", 7]) | JSON,
        "at": st.sampled_from([AT, AT + 0.5, 0, -1, AT * 1000, True]) | JSON,
        "cpu_percent": st.sampled_from([0, 100, 97.5, 100.1, -0.1, True, "9"]) | JSON,
        "name": st.text(max_size=300) | JSON,
        "host": st.sampled_from(["kvm-a1", "x" * 256]) | JSON,
    },
)


@given(FIELDS)
def test_it_accepts_exactly_what_the_published_format_allows(fields: dict[str, Any]) -> None:
    try:
        wanted = CpuRecord.model_validate(fields)
    except ValidationError:
        with pytest.raises(Unreadable):
            samples_of(json.dumps(fields).encode(), None)
    else:
        found = one_of(json.dumps(fields).encode())
        said = wanted.target, wanted.at, wanted.cpu_percent, wanted.name, wanted.host
        assert found == said


def in_kafka(*values: bytes | None) -> list[ConsumerRecord]:
    return [
        ConsumerRecord("t", 0, offset, 0, 0, None, value, None, 0, 0, ())
        for offset, value in enumerate(values)
    ]


@given(FIELDS, st.sampled_from([b"", b" ", b"}", b"\xff", b"\xef\xbb\xbf"]))
def test_what_is_decoded_together_is_what_is_decoded_one_by_one(
    fields: dict[str, Any], noise: bytes
) -> None:
    raw = json.dumps(fields, ensure_ascii=False).encode(errors="surrogatepass") + noise
    for one in plain_samples(in_kafka(raw)):
        said = one.target, one.at, one.cpu_percent, one.name, one.host
        if TARGET_FORM.search(one.target):
            assert samples_of(raw, None) == ("cpu sample", (said,))
        else:
            with pytest.raises(Unreadable):
                samples_of(raw, None)


def test_decoding_together_ends_at_what_is_not_our_own_format() -> None:
    plain, other = record(), json.dumps(telegraf({"usage_idle": 1}, host="b-31-VM")).encode()
    for strange in (None, b"", b"{", other, record(at=None), record(more="x" * 262_144)):
        records = in_kafka(plain, plain, strange, plain)
        assert [one.target for one in plain_samples(records[1:])] == [TARGET]
        assert plain_samples(records[2:]) == []


@given(st.binary(max_size=200), st.none() | st.binary(max_size=20))
def test_no_bytes_get_past_it_as_anything_but_samples_or_a_reason(
    raw: bytes, key: bytes | None
) -> None:
    with pytest.raises(Unreadable):
        samples_of(raw, key)


@pytest.mark.parametrize("secret", ['{"target": "hunter2 !"}', '"hunter2"', '{"x": "hunter2"}'])
def test_a_reason_quotes_nothing_of_the_record(secret: str) -> None:
    with pytest.raises(Unreadable) as caught:
        samples_of(secret.encode(), None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [(None, "tombstone"), (b" " * 262_145, "oversized"), (b"[" * 100_000, "cpu sample")],
)
def test_what_is_no_record_is_counted_by_its_kind(raw: bytes | None, kind: str) -> None:
    with pytest.raises(Unreadable) as caught:
        samples_of(raw, None)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("fields", "percent"),
    [({"usage_active": 97.5}, 97.5), ({"usage_idle": 2.5}, 97.5), ({"usage_idle": 100.02}, 0.0)],
)
def test_telegraf_says_what_is_in_use_or_what_is_idle(
    fields: dict[str, float], percent: float
) -> None:
    metric = telegraf(fields, target=TARGET, host="b-31-VM", hypervisor="kvm-a1")
    assert one_of(metric) == (TARGET, AT, percent, "b-31-VM", "kvm-a1")


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
def test_telegrafs_time_may_be_in_any_of_its_units(unit: int) -> None:
    metric = telegraf({"usage_idle": 1}, host="b-31-VM") | {"timestamp": AT * unit}
    assert one_of(metric)[1] == AT


@pytest.mark.parametrize(
    ("tags", "key", "target"),
    [
        ({"target": TARGET, "host": "b-31-VM"}, b"other", TARGET),
        ({"host": "b-31-VM"}, TARGET.encode(), TARGET),
        ({"host": "b-31-VM"}, b"", "b-31-VM"),
        ({"host": "b-31-VM"}, b"\xff\n", "b-31-VM"),
    ],
)
def test_telegrafs_machine_is_its_tag_the_key_or_its_own_name(
    tags: dict[str, str], key: bytes, target: str
) -> None:
    assert one_of(telegraf({"usage_idle": 1}, **tags), key)[0] == target


def test_a_batch_of_telegraf_has_the_samples_of_several_machines() -> None:
    metrics = [
        telegraf({"usage_idle": 1}, host="b-31-VM"),
        telegraf({"usage_idle": 2}, host="b-31-VM") | {"tags": {"cpu": "cpu0"}},
        telegraf({"used": 2}, host="b-31-VM") | {"name": "mem"},
        telegraf({"time_idle": 2}, host="b-31-VM"),
        telegraf({"usage_idle": 3}, host="b-32-VM"),
    ]
    kind, found = samples_of(json.dumps({"metrics": metrics}).encode(), b"ignored")
    assert kind == "telegraf"
    assert [(one[0], one[2]) for one in found] == [("b-31-VM", 99.0), ("b-32-VM", 97.0)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"metrics": 7},
        {"metrics": [7]},
        telegraf({"usage_idle": "1"}, host="b"),
        telegraf({"usage_idle": True}, host="b"),
        telegraf({"usage_idle": 1}),
        telegraf({"usage_idle": 1}, host="b") | {"timestamp": None},
        telegraf({"usage_idle": 1}, host="b") | {"timestamp": 10**21},
        telegraf({"usage_idle": 1}, host="b") | {"tags": []},
        telegraf({"usage_active": 103}, host="b"),
    ],
)
def test_telegraf_that_cannot_be_right_is_unreadable(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        samples_of(json.dumps(wrong).encode(), None)
