"""Bytes from the bus become fields or a reason, and what is kept of them holds no secret."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.bus import Fields, JobRecord, Unreadable, classify
from handlers.kafka_records import decode, decode_key, masked, redacted
from tests.handlers.bus_records import classified

LIMIT = 262_144
SECRETS = {
    "apikey": "LIN6rqXuaJwMPfGYFh13qDwYz5VNNz1J2J6qIOWcd3oLQOq0WtD4CwRundBL6rzXToa3lQOC",
    "signature": "TTpdDq/7j/J58XCRHomKoQXEQds=",
    "password": "hunter, 2",
    "sessionkey": "abc",
}
JOB = {
    "jobId": "14fc9076-3979-432d-a6f5-f018995133f1",
    "command": "org.apache.cloudstack.api.command.user.vm.DeployVMCmd",
    "status": "SUCCEEDED",
    "account": "48abf175-e6b4-11f1-af10-02fc00000001",
    "cmdInfo": SECRETS,
    "jobResult": {"password": SECRETS["password"]},
}


@pytest.mark.parametrize(
    ("raw", "reason", "kind"),
    [
        (None, "no value", "tombstone"),
        (b" " * (LIMIT + 1), "the limit is", "oversized"),
        (b"", "not JSON", "unreadable"),
        (b"{", "not JSON", "unreadable"),
        (b'{"status":"\xff"}', "not UTF-8", "unreadable"),
        (b"[1]", "not an object", "unreadable"),
        (b'{"a":NaN}', "NaN", "unreadable"),
        (b'{"a":-Infinity}', "NaN or Infinity", "unreadable"),
        (b'{"status":"\\ud800"}', "not Unicode", "unreadable"),
        (b'{"status":1e999}', "status is not a text", "unreadable"),
        (b'{"old-state":{}}', "old-state is not a text", "unreadable"),
        (b'{"status":"' + b"x" * 16_385 + b'"}', "status is longer than 16384", "unreadable"),
        (b'{"a":' * 50_000, "nested deeper|not JSON", "unreadable"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(
    raw: bytes | None, reason: str, kind: str
) -> None:
    with pytest.raises(Unreadable, match=reason) as refused:
        decode(raw, limit=LIMIT)
    assert refused.value.kind == kind


def test_a_key_is_text_or_missing() -> None:
    assert decode_key(None) is None
    assert decode_key(b"") == ""
    with pytest.raises(Unreadable, match="not UTF-8"):
        decode_key(b"\xff")


def test_what_is_kept_of_a_job_classifies_as_before_and_holds_no_secret() -> None:
    kept = redacted(json.dumps(JOB).encode())

    assert kept is not None
    again = classify(None, decode(kept, limit=LIMIT))
    assert isinstance(again, JobRecord)
    assert again == classified(JOB)
    assert not leaks(kept.decode())


@given(st.integers(0, 400), st.binary(max_size=3))
def test_a_record_damaged_anywhere_still_gives_no_secret_away(at: int, noise: bytes) -> None:
    whole = json.dumps(JOB, separators=(",", ":")).encode()

    kept = redacted(whole[:at] + noise + whole[at:][: len(whole) - 3 * len(noise)])

    assert kept is not None
    assert not leaks(kept.decode())


@given(st.sampled_from(sorted(SECRETS)), st.sampled_from(['":"', '": "', "=", '\\":\\"', "': '"]))
def test_free_text_keeps_no_value_after_a_telling_name(name: str, between: str) -> None:
    assert SECRETS[name] not in masked(f'before {name}{between}{SECRETS[name]}", after')


def test_an_address_keeps_no_login() -> None:
    assert masked("at https://ana:pa55@kvm-a1/x") == "at https://***@kvm-a1/x"


def test_what_people_need_to_read_is_kept() -> None:
    words = (
        "Router r-17-VM / 26394604-b130-4320-b8db-3c374eb5a17a has failing checks:"
        " connectivity.test, com.cloud.network.lb.LoadBalancingRule"
    )

    assert masked(words) == words


@given(st.binary(max_size=200))
def test_any_bytes_can_be_redacted(raw: bytes) -> None:
    assert isinstance(redacted(raw), bytes)


def test_a_huge_record_leaves_a_bounded_copy() -> None:
    kept = redacted(b'{"body":"' + b"words " * 1_000_000 + b'"}')

    assert kept is not None
    assert len(kept) <= 65_536


def leaks(kept: str) -> list[str]:
    """Which planted secrets still stand there, whole or in telling pieces."""
    pieces = [secret[:12] if len(secret) > 12 else secret for secret in SECRETS.values()]
    return [piece for piece in pieces if len(piece) > 4 and piece in kept]


TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
NAMES = {one.encode_name: one.name for one in msgspec.structs.fields(Fields)}
OTHERS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(NAMES)), TEXTS),
    st.dictionaries(st.sampled_from(["cmdInfo", "Network", "\0", "é"]), OTHERS),
    st.sampled_from([b"", b" ", b"}", b"\xff"]),
)
def test_the_fields_are_what_json_itself_gives_whatever_else_there_is(
    said: dict[str, str | None], others: dict[str, object], noise: bytes
) -> None:
    raw = json.dumps(said | others).encode() + noise
    if noise.strip():
        with pytest.raises(Unreadable):
            decode(raw, limit=LIMIT)
        return
    assert decode(raw, limit=LIMIT) == Fields(**{NAMES[name]: text for name, text in said.items()})
