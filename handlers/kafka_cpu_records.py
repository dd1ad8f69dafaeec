"""Turns a record of the CPU topic into samples: our own format, or Telegraf's JSON.

This runs for each record of a busy topic, so no model is built here; properties hold it to
`bot.services.cpu_format.CpuRecord`, which is what is published.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from json.scanner import make_scanner
from typing import Annotated, Any

from aiokafka import ConsumerRecord
from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder

from bot.domain.bus import Unreadable
from bot.services.cpu_format import LATEST_AT, LONGEST_NAME, TARGET

Sample = tuple[str, float, float, str, str]
"""Target, unix seconds, percent, its name, its host: as `Detector.feed` takes them."""

CPU, TELEGRAF = "cpu sample", "telegraf"
_LONGEST = 262_144
_TARGET = re.compile(TARGET.replace("$", r"\Z"))  # `$` would let a line end pass
_SCAN = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]  # typeshed takes it for a scanner
_MOST_METRICS = 5_000
_NUMBERS = (int, float)
# Telegraf's `json_timestamp_units` is 1s, and may be 1ms, 1us or 1ns: this century tells which.
_UNITS = ((LATEST_AT, 1.0), (LATEST_AT * 1e3, 1e3), (LATEST_AT * 1e6, 1e6), (LATEST_AT * 1e9, 1e9))
_ROUNDING = 1.0
"""Percent by which Telegraf's figures may miss 0 and 100: they are quotients of counters."""
_Name = Annotated[str, Meta(max_length=LONGEST_NAME)]


class OwnSample(Struct, gc=False):
    """Our own format as nearly every record has it; the target's letters are not looked at."""

    target: str
    at: Annotated[float, Meta(gt=0, lt=LATEST_AT)]
    cpu_percent: Annotated[float, Meta(ge=0, le=100)]
    name: _Name = ""
    host: _Name = ""


_NOT_PLAIN = (MsgspecError, UnicodeDecodeError, RecursionError, TypeError)
_own_sample = Decoder(OwnSample).decode


def plain_samples(records: Sequence[ConsumerRecord]) -> list[OwnSample]:
    """Return what records say, up to one that is not our own format.

    In a sixth of the time of `samples_of`, which says what the others are. It takes what that
    takes for the same sample. Two mistakes in fields that are ignored it does not see: text that
    is not UTF-8, and whole numbers of over 4,300 digits.
    """
    found: list[OwnSample] = []
    try:
        for record in records:
            value = record.value
            sample = _own_sample(value)
            if len(value) > _LONGEST:
                break
            found.append(sample)
    except _NOT_PLAIN:
        pass  # it ends here
    return found


def samples_of(raw: bytes | None, key: bytes | None) -> tuple[str, Sequence[Sample]]:
    """Return the kind of record and its samples, or raise `Unreadable`, which quotes nothing.

    Telegraf's other measurements, and its figures of single vCPUs, are no samples and no mistake.
    """
    value = _object(raw)
    target = value.get("target")
    if target is not None:
        return CPU, (_own(value, target),)
    if "metrics" in value:
        metrics = value["metrics"]
        if not isinstance(metrics, list) or len(metrics) > _MOST_METRICS:
            raise Unreadable(f"metrics is no list of up to {_MOST_METRICS}", kind=TELEGRAF)
        # The key of a batch is one of its machines', or nobody's.
        found = (_telegraf(one, None) for one in metrics)
        return TELEGRAF, [one for one in found if one is not None]
    if "fields" in value:
        one = _telegraf(value, key)
        return TELEGRAF, () if one is None else (one,)
    raise Unreadable("neither a CPU sample (target) nor Telegraf's JSON (fields)", kind=CPU)


def _object(raw: bytes | None) -> dict[str, Any]:
    if raw is None:
        raise Unreadable("a tombstone: the record has no value", kind="tombstone")
    if len(raw) > _LONGEST:
        raise Unreadable(f"{len(raw)} bytes, the limit is {_LONGEST}", kind="oversized")
    try:
        text = raw.decode()
        # What `json.loads` does at its core: half of the time it takes goes into the rest.
        value, end = _SCAN(text, 0) if text[:1] == "{" else (None, 0)
        if end != len(text):
            value = json.loads(text)
    except (ValueError, RecursionError, StopIteration):  # UnicodeDecodeError is a ValueError
        raise Unreadable("not JSON", kind=CPU) from None
    if type(value) is not dict:
        raise Unreadable("JSON, but not an object", kind=CPU)
    return value


def _own(value: dict[str, Any], target: Any) -> Sample:
    at: Any = value.get("at")
    percent: Any = value.get("cpu_percent")
    name, host = value.get("name", ""), value.get("host", "")
    if not isinstance(target, str) or _TARGET.match(target) is None:
        raise Unreadable("target is no id", kind=CPU)
    # `type` and not isinstance: true is an int. The comparisons refuse NaN as well.
    if type(at) not in _NUMBERS or not 0 < at < LATEST_AT:
        raise Unreadable("at is not unix seconds", kind=CPU)
    if type(percent) not in _NUMBERS or not 0 <= percent <= 100:
        raise Unreadable("cpu_percent is no number from 0 to 100", kind=CPU)
    if not (type(name) is str and type(host) is str and _are_short(name, host)):
        raise Unreadable(f"name or host is no text of up to {LONGEST_NAME}", kind=CPU)
    return target, at, percent, name, host


def _are_short(name: str, host: str) -> bool:
    return len(name) <= LONGEST_NAME and len(host) <= LONGEST_NAME


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= LONGEST_NAME


def _telegraf(metric: Any, key: bytes | None) -> Sample | None:
    """Read one metric of the plugin `cpu`, None where it is another measurement or one vCPU."""
    fields = metric.get("fields") if isinstance(metric, dict) else None
    tags = metric.get("tags", {}) if isinstance(metric, dict) else None
    if not isinstance(fields, dict) or not isinstance(tags, dict):
        raise Unreadable("a metric without an object of fields, and of tags", kind=TELEGRAF)
    if metric.get("name") != "cpu" or tags.get("cpu", "cpu-total") != "cpu-total":
        return None
    if "usage_active" in fields:
        percent = _percent(fields["usage_active"])
    elif "usage_idle" in fields:
        percent = 100.0 - _percent(fields["usage_idle"])
    else:
        return None
    name, host = tags.get("host", ""), tags.get("hypervisor", "")
    return (
        _target(tags, key),
        _time(metric.get("timestamp")),
        percent,
        name if _is_name(name) else "",
        host if _is_name(host) else "",
    )


def _target(tags: dict[str, Any], key: bytes | None) -> str:
    """The tag `target`, the record's key, or the machine's own name, whichever there is first."""
    named = key.decode("ascii", "replace") if key else None
    for one in (tags.get("target"), named, tags.get("host")):
        if isinstance(one, str) and _TARGET.match(one):
            return one
    raise Unreadable("no tag target or host, and no key, names a machine", kind=TELEGRAF)


def _percent(number: Any) -> float:
    if type(number) not in _NUMBERS or not -_ROUNDING <= number <= 100 + _ROUNDING:
        raise Unreadable("usage_active or usage_idle is no number from 0 to 100", kind=TELEGRAF)
    return float(min(max(number, 0.0), 100.0))


def _time(timestamp: Any) -> float:
    if type(timestamp) in _NUMBERS and timestamp > 0:
        for limit, per_second in _UNITS:
            if timestamp < limit:
                return float(timestamp / per_second)
    raise Unreadable("timestamp is no unix time", kind=TELEGRAF)
