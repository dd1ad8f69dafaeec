"""What the client makes of answers that are errors, or not CloudStack's."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.adapters.cloudstack.answers import EventRow, NetworkRow
from bot.adapters.cloudstack.client import Call, Client
from bot.adapters.cloudstack.failures import ApiFailed, ApiRefused
from bot.errors import Away, IlbotError, Permanent, Refused, ServerFailed, Transient
from tests.contract.client_calls import LOOK, STOP, look
from tests.contract.client_setup import (
    ENDPOINT,
    NOW,
    READ_KEYS,
    WRITE_KEYS,
    Server,
    StandingClock,
    client_of,
    json_answer,
)

HTML = httpx.Response(200, html="<html>Please log in</html>")


@pytest.mark.parametrize(
    ("answer", "change", "read"),
    [
        (HTML, Transient, Permanent),
        (httpx.Response(200), Transient, Transient),
        (httpx.Response(200, json=[1]), Transient, Permanent),
        (httpx.Response(200, json={"a": {}, "b": {}}), Transient, Permanent),
        (httpx.Response(502, html="<h1>Bad Gateway</h1>"), Away, Away),
        (httpx.Response(503, html="<h1>No server</h1>"), Away, Away),
        (httpx.Response(504), Transient, Transient),
        (httpx.Response(502, json={"error": {"message": "no upstream"}}), Away, Away),
        (httpx.Response(404, json={"error": {"message": "no route"}}), Refused, Refused),
        (httpx.Response(404, html="<h1>Not Found</h1>"), Refused, Refused),
        (httpx.Response(405), Refused, Refused),
        (httpx.Response(301, headers={"location": "https://else.test"}), Refused, Refused),
    ],
)
async def test_an_answer_that_is_not_cloudstacks(
    answer: httpx.Response, change: type[IlbotError], read: type[IlbotError]
) -> None:
    client = client_of(Server([answer]))
    with pytest.raises(IlbotError, match=r"^stop ILB VM b-31-VM: ") as changed:
        await client.submit(STOP)
    with pytest.raises(IlbotError, match=r"^list the VPC tiers: ") as looked:
        await look(client)
    assert type(changed.value) is change
    assert type(looked.value) is read
    if isinstance(changed.value, Transient):
        assert changed.value.in_doubt
    if isinstance(looked.value, Transient):
        assert not looked.value.in_doubt
    assert "<h" not in str(changed.value)


async def test_a_submission_without_a_job_id_is_in_doubt() -> None:
    with pytest.raises(Transient, match="no job id") as caught:
        await client_of(Server([json_answer({"success": True})])).submit(STOP)
    assert caught.value.in_doubt


def an_error(code: int, text: str, **headers: str) -> httpx.Response:
    payload = {"uuidList": [], "errorcode": code, "cserrorcode": 9999, "errortext": text}
    return httpx.Response(code, json={"xresponse": payload}, headers=headers)


async def test_maintenance_is_transient_and_never_in_doubt() -> None:
    answer = an_error(503, "Maintenance or shutdown has been initiated", **{"retry-after": "30"})
    with pytest.raises(Away, match=r"\(503\).*Maintenance") as caught:
        await client_of(Server([answer])).submit(STOP)
    assert not caught.value.in_doubt
    assert caught.value.retry_after_s == 30


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (an_error(429, "x", **{"retry-after": "7"}), 7),
        (
            an_error(
                429,
                "x",
                **{"retry-after": format_datetime(datetime.fromtimestamp(NOW + 90, UTC), True)},
            ),
            90,
        ),
        (an_error(429, "x", **{"retry-after": "yesterday"}), 0),
        (an_error(429, "x", **{"retry-after": "99999999999"}), 3600),
        (an_error(429, "x", **{"retry-after": f"Sun, 22 Nov 2026 23:18:00 +{'9' * 30}"}), 0),
        (an_error(429, "limit reached, please retry after 1500 ms."), 1.5),
        (an_error(429, "limit reached, please retry after [250] ms."), 0.25),
        (httpx.Response(429), 0),
    ],
)
async def test_a_rate_limit_says_how_long_to_wait(answer: httpx.Response, wait_s: float) -> None:
    with pytest.raises(Transient, match="request limit") as caught:
        await client_of(Server([answer])).submit(STOP)
    assert caught.value.retry_after_s == wait_s
    assert not caught.value.in_doubt


@pytest.mark.parametrize(
    ("offset_s", "words"),
    [(720, "720 s ahead of the server's"), (-900, "900 s behind the server's"), (5, "clock, and")],
)
async def test_a_rejected_key_blames_the_clock_where_it_differs(offset_s: int, words: str) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW - offset_s, UTC), usegmt=True)
    with pytest.raises(Refused, match=words):
        await look(client_of(Server([an_error(401, "unable to verify", date=date)])))


async def test_secrets_are_in_no_error_and_in_no_log() -> None:
    secrets = [
        key.get_secret_value()
        for keys in (READ_KEYS, WRITE_KEYS)
        for key in (keys.api, keys.secret)
    ]
    told = f"bad {' '.join(secrets)} apikey=abc&signature=d%3D password: 'hush' http://u:pw@h/x"
    answers: list[httpx.Response | Exception] = [
        an_error(code, told) for code in (401, 429, 430, 431, 432, 503, 530, 531, 537)
    ]
    answers += [HTML, httpx.ReadError(told), httpx.ConnectError(told)]
    for answer in answers:
        client = client_of(Server([answer]))
        with capture_logs() as logs, pytest.raises(IlbotError) as read:
            await look(client)
        with pytest.raises(IlbotError) as changed:
            await client.submit(STOP)
        shown = f"{read.value}{read.value!r}{changed.value}{logs}{client!r}"
        for secret in (*secrets, "abc", "d%3D", "hush", "u:pw"):
            assert secret not in shown


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (530, ServerFailed), (535, ServerFailed), (401, Refused), (431, Refused), (432, Refused),
        (531, Refused), (537, Refused), (503, Transient),
    ],
)  # fmt: skip
async def test_only_the_servers_own_failure_is_none_of_ours(
    code: int, kind: type[IlbotError]
) -> None:
    with pytest.raises(kind):
        await look(client_of(Server([an_error(code, "no")])))


async def test_a_long_foreign_text_is_cut_and_on_one_line() -> None:
    with pytest.raises(ApiFailed) as caught:
        await client_of(Server([an_error(530, "a\nb\x00 " * 5000)])).submit(STOP)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["count", "event", "errorcode", "errortext", "cserrorcode", "jobid", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
bodies = (
    st.binary(max_size=50)
    | json_values.map(lambda value: json.dumps(value).encode())
    | json_values.map(lambda value: json.dumps({"xresponse": value}).encode())
    | st.just(b"[" * 200_000)
)
header_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(st.integers(200, 599), bodies, header_texts, header_texts)
async def test_whatever_comes_back_is_rows_a_job_or_one_of_our_errors(
    status: int, body: bytes, retry_after: str, date: str
) -> None:
    headers = {"retry-after": retry_after, "date": date, "content-type": "application/json"}
    client = client_of(Server([httpx.Response(status, content=body, headers=headers)]))
    with suppress(IlbotError):
        assert isinstance(await client.rows(Call("look", "listEvents"), EventRow), list)
    with suppress(IlbotError):
        assert await client.submit(STOP)


async def test_an_error_behind_a_good_status_is_an_error() -> None:
    payload = {"errorcode": 431, "errortext": "no"}
    with pytest.raises(ApiRefused):
        await look(client_of(Server([json_answer(payload)])))


async def test_a_row_without_what_it_must_have_is_told_by_its_field_without_its_value() -> None:
    server = Server([json_answer({"count": 1, "event": [{"id": "e", "created": "at some time"}]})])
    with pytest.raises(Permanent, match="listEvents has no usable created, type") as caught:
        await client_of(server).rows(Call("look", "listEvents"), EventRow)
    assert "at some time" not in f"{caught.value} {caught.value.__cause__}"


async def test_the_read_path_sends_no_change_and_the_write_path_no_read() -> None:
    server = Server([json_answer({"jobid": "job-1"})])
    client = client_of(server)
    with pytest.raises(Refused, match="the read path never sends it"):
        await client.read(STOP, NetworkRow)
    with pytest.raises(Refused, match="the read path never sends it"):
        await client.read_as_writer(STOP, NetworkRow)
    with pytest.raises(Refused, match="the read path never sends it"):
        await client.rows(STOP, NetworkRow)
    with pytest.raises(Refused, match="is a read"):
        await client.submit(LOOK)
    with pytest.raises(Refused, match="not among the CloudStack commands"):
        await client.submit(Call("destroy everything", "destroyRouter"))
    assert server.forms == []


@pytest.mark.parametrize(
    "endpoint",
    ["", "cloud.test", "ftp://cloud.test", "http://u:p@cloud.test/client/api", "http://"],
)
async def test_an_endpoint_that_is_none_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(Refused, match="endpoint"):
        Client(endpoint, READ_KEYS, None, httpx.AsyncClient(), StandingClock())


async def test_calls_are_signed_posts_to_the_endpoint() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return json_answer({})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    await look(Client(ENDPOINT, READ_KEYS, WRITE_KEYS, http, StandingClock()))
    [request] = seen
    assert (request.method, str(request.url)) == ("POST", ENDPOINT)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
