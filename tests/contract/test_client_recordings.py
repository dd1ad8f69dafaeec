"""Every answer recorded from a real management server, through the client."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from bot.adapters.cloudstack import answers, servers, site_answers, underlay, usage, zone_answers
from bot.adapters.cloudstack.catalogue import COMMANDS, Effect
from bot.adapters.cloudstack.client import Call
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.failures import ApiFailed, ApiRefused
from bot.domain.cloud import JobStatus
from bot.errors import IlbotError, Permanent, Refused, Transient
from tests.contract.client_setup import Exchange, Server, client_of, recorded

ROWS: dict[str, type[BaseModel]] = {
    "listInternalLoadBalancerVMs": answers.IlbVmRow,
    "listLoadBalancers": answers.RuleRow,
    "listNetworks": answers.NetworkRow,
    "listTemplates": answers.TemplateRow,
    "listRouters": zone_answers.RouterRow,
    "listVPCs": zone_answers.VpcRow,
    "listHosts": zone_answers.HostRow,
    "listServiceOfferings": zone_answers.OfferingRow,
    "listNetworkServiceProviders": zone_answers.ProviderRow,
    "listEvents": answers.EventRow,
    "listConfigurations": answers.SettingRow,
    "listAsyncJobs": answers.PendingJobRow,
    "listManagementServers": servers.ServerRow,
    "listPhysicalNetworks": underlay.PhysicalNetworkRow,
    "listVirtualMachines": site_answers.UserVmRow,
    "listNetworkACLLists": site_answers.AclListRow,
    "listNetworkACLs": site_answers.AclRow,
    "listLBStickinessPolicies": site_answers.StickinessesRow,
    "listInternalLoadBalancerElements": site_answers.ElementRow,
    "listSystemVmsUsageHistory": usage.UsageRow,
}
VALUES = (
    answers.IlbVmRow,
    answers.RuleRow,
    answers.NetworkRow,
    answers.TemplateRow,
    answers.EventRow,
    answers.PendingJobRow,
    zone_answers.RouterRow,
    zone_answers.VpcRow,
    zone_answers.HostRow,
    zone_answers.OfferingRow,
    zone_answers.ProviderRow,
    servers.ServerRow,
    underlay.PhysicalNetworkRow,
    site_answers.AclListRow,
    site_answers.AclRow,
)
CHANGES = [name for name, command in COMMANDS.items() if command.effect is Effect.CHANGE]


def cases(*commands: str, cut: bool = False) -> list[object]:
    return [
        pytest.param(exchange, id=exchange.where)
        for exchange in recorded(*commands)
        if cut or not exchange.is_cut
    ]


def as_sent(text: str) -> str:
    """Return pydantic's `…Z` as CloudStack writes it."""
    return f"{text[:-1]}+0000" if text.endswith("Z") and text[4:5] == "-" else text


def rows_in(exchange: Exchange) -> list[dict[str, object]]:
    return next((v for v in exchange.payload.values() if isinstance(v, list)), [])


def test_there_are_recordings() -> None:
    assert len(list(recorded())) > 1000


@pytest.mark.parametrize("exchange", cases(*ROWS))
async def test_a_recorded_list_gives_each_of_its_rows(exchange: Exchange) -> None:
    client = client_of(Server([exchange.response()]))
    asked = client.rows(Call("look", exchange.command), ROWS[exchange.command], limit=1000)
    if exchange.status != 200:
        with pytest.raises(IlbotError, match=r"^look: "):
            await asked
        return
    rows = await asked
    there = rows_in(exchange)
    assert len(rows) >= len(there)
    for row, sent in zip(rows, there, strict=False):
        read = row.model_dump(exclude_unset=True, mode="json")
        assert {name: sent[name] for name in read if isinstance(read[name], str)} == {
            name: as_sent(value) for name, value in read.items() if isinstance(value, str)
        }
        if isinstance(row, VALUES):
            assert row.value()


class Whatever(BaseModel):
    model_config = ConfigDict(extra="allow")


async def test_every_good_answer_is_what_stands_under_its_single_key() -> None:
    for exchange in recorded():
        if exchange.status == 200 and exchange.content:
            client = client_of(Server([exchange.response()]))
            answer = await client.read(Call("look", "listCapabilities"), Whatever)
            assert answer.model_dump() == exchange.payload, exchange.where


@pytest.mark.parametrize("exchange", cases("queryAsyncJobResult", cut=True))
async def test_a_recorded_poll_gives_the_job_as_it_stood(exchange: Exchange) -> None:
    cloud = CloudStackCloud(client_of(Server([exchange.response()])))
    if exchange.status != 200:
        with pytest.raises(Permanent, match="knows no such job"):
            await cloud.job("0")
        return
    job = await cloud.job(exchange.payload["jobid"])
    status = exchange.payload["jobstatus"]
    assert job.id == exchange.payload["jobid"]
    assert job.status is (JobStatus.PENDING, JobStatus.SUCCEEDED, JobStatus.FAILED)[status]
    assert bool(job.error_code) == (job.status is JobStatus.FAILED)
    assert job.was_interrupted == (status == 2 and "jobresult" not in exchange.payload)
    assert bool(job.error_text) == (job.status is JobStatus.FAILED and not job.was_interrupted)


@pytest.mark.parametrize("exchange", cases(*CHANGES, cut=True))
async def test_a_recorded_submission_gives_its_job_or_a_refusal(exchange: Exchange) -> None:
    client = client_of(Server([exchange.response()]))
    if exchange.status == 200 and exchange.command == "changeServiceForRouter":
        await client.change(Call("act", exchange.command))  # done at once, without a job
        return
    if exchange.status == 200:
        assert await client.submit(Call("act", exchange.command)) == exchange.payload["jobid"]
        return
    with pytest.raises((Refused, ApiFailed), match=r"^act: "):
        await client.submit(Call("act", exchange.command))


FAMILIES: dict[int, type[IlbotError]] = {
    401: Refused,
    405: Refused,
    430: ApiRefused,
    431: ApiRefused,
    432: ApiRefused,
    531: ApiRefused,
    537: ApiRefused,
    530: ApiFailed,
    533: ApiFailed,
}


@pytest.mark.parametrize(
    "exchange",
    [
        pytest.param(exchange, id=exchange.where)
        for exchange in recorded()
        if exchange.status != 200
    ],
)
async def test_each_recorded_error_is_told_as_its_family(exchange: Exchange) -> None:
    """Whatever command it answered: the families do not depend on it."""
    client = client_of(Server([exchange.response()]))
    with pytest.raises(FAMILIES[exchange.status]) as caught:
        await client.submit(Call("stop ILB VM b-31-VM", "stopInternalLoadBalancerVM"))
    text = str(caught.value)
    assert text.startswith("stop ILB VM b-31-VM: ")
    assert f"({exchange.status})" in text
    assert len(text) < 600
    assert not isinstance(caught.value, Transient)


async def test_the_head_answer_without_a_body_is_read_as_lost() -> None:
    [headless] = [e for e in recorded("listZones") if e.status == 200 and not e.content]
    with pytest.raises(Transient, match="empty body") as caught:
        await client_of(Server([headless.response()])).rows(
            Call("look", "listNetworks"), answers.NetworkRow
        )
    assert not caught.value.in_doubt


async def test_raw_java_is_said_to_be_cloudstacks() -> None:
    [first, *_] = [e for e in recorded() if e.status == 530 and b"Cannot invoke" in e.content]
    with pytest.raises(ApiFailed, match="CloudStack's own Java text: “Cannot invoke"):
        await client_of(Server([first.response()])).submit(Call("act", "restartNetwork"))


async def test_an_unknown_command_is_told_from_a_wrong_key() -> None:
    unknown, known = (
        next(e for e in recorded(name) if e.status == 401) for name in ("fooBar", "listZones")
    )
    with pytest.raises(Refused, match="does not know listEvents, or does not accept"):
        await client_of(Server([unknown.response()])).rows(
            Call("look", "listEvents"), answers.EventRow
        )
    with pytest.raises(Refused, match="CloudStack does not accept the read key") as caught:
        await client_of(Server([known.response()])).rows(
            Call("look", "listEvents"), answers.EventRow
        )
    for advice in ("key pair", "clock", "http://cloud.test/client/api"):
        assert advice in str(caught.value)


async def test_a_role_without_the_api_is_told_which() -> None:
    [refused, *_] = [e for e in recorded() if e.status == 432]
    with pytest.raises(Refused, match=r"may not call listEvents.*`ilbot role`"):
        await client_of(Server([refused.response()])).rows(
            Call("look", "listEvents"), answers.EventRow
        )
