"""Answer listInternalLoadBalancerVMs and start and stop ILB VMs as jobs.

Follows ListInternalLBVMsCmd, StartInternalLBVMCmd, StopInternalLBVMCmd and
InternalLoadBalancerVMManagerImpl.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bot.sandbox.cloud import machines
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import ApiError, Body
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.machine_views import says_checks_failed, system_machine
from bot.sandbox.cloud.model import Host, Kind, Machine, Tier, Vpc
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.state import CloudState
from bot.sandbox.cloud.versions import ILB_VM_STAGES

Begin = Callable[[CloudState, Machine], Work]


def list_ilb_vms(request: Request) -> Body:
    found = system_machines(request, Kind.ILB)
    checks = bool(request.boolean("fetchhealthcheckresults"))
    return request.page(
        "internalloadbalancervm",
        found,
        lambda machine: system_machine(request.state, machine, checks=checks),
    )


def system_machines(request: Request, kind: Kind) -> list[Machine]:
    """Apply the filters that routers and ILB VMs share; a destroyed one's id finds nothing."""
    wanted = request.entity("id", Machine)
    tier, vpc = request.entity("networkid", Tier), request.entity("vpcid", Vpc)
    host, name = request.entity("hostid", Host), request.text("name")
    state, keyword = request.text("state"), request.text("keyword")
    for_vpc, zone = request.boolean("forvpc"), request.text("zoneid")
    failed = request.boolean("healthchecksfailed")
    return [
        machine
        for machine in request.visible(request.state.machines(kind))
        if wanted in (None, machine)
        and (tier is None or _has_nic_in(machine, tier))
        and (vpc is None or machine.tier.vpc is vpc)
        and host in (None, machine.host)
        and name in (None, machine.name)
        and state in (None, machine.state)
        and (keyword or "") in machine.name
        and for_vpc in (None, machine.tier.vpc is not None)
        and zone in (None, request.state.zone.id)
        and failed in (None, says_checks_failed(request.state, machine))
    ]


def _has_nic_in(machine: Machine, tier: Tier) -> bool:
    """An ILB VM is in one tier, a router in every tier of its VPC."""
    is_router = machine.kind is Kind.ROUTER
    return tier is machine.tier or (is_router and tier.shares_routers_with(machine.tier))


def start_ilb_vm(request: Request) -> Body:
    machine = _ilb_vm(request)
    return _submit(request, machine, machines.start, start_action(machine))


def stop_ilb_vm(request: Request) -> Body:
    """Stop an ILB VM; `forced` makes a difference only where the host refuses."""
    machine = _ilb_vm(request)
    stop = partial(machines.stop, forced=bool(request.boolean("forced")))
    return _submit(request, machine, stop, stop_action(machine))


def start_action(machine: Machine) -> Action:
    return Action(
        type="INTERNALLBVM.START",
        resource=machine,
        entity="InternalLbVm",
        scheduled=f"starting internal lb vm: {machine.number}",
        doing=f"Starting internal LB VM. Internal Lb Vm Id: {machine.number}",
        resource_name=machine.name,
        pairs={"VirtualMachine": machine.id},
    )


def stop_action(machine: Machine) -> Action:
    return Action(
        type="INTERNALLBVM.STOP",
        resource=machine,
        entity="InternalLbVm",
        scheduled=f"stopping internal lb vm: {machine.number}",
        doing=f"Stopping internal LB VM. Internal lb vm Id: {machine.number}",
        resource_name=machine.name,
        pairs={"VirtualMachine": machine.id},
    )


def _ilb_vm(request: Request) -> Machine:
    machine = request.required_entity("id", Machine)
    if machine.kind is not Kind.ILB or machine.removed:
        raise ApiError(431, "Unable to find internal lb vm by id", cserrorcode=4350)
    return machine


def _submit(request: Request, machine: Machine, begin: Begin, action: Action) -> Body:
    state = request.state

    def work() -> Work:
        yield from begin(state, machine)
        return {"internalloadbalancervm": system_machine(state, machine)}

    task = Task(
        command=COVERAGE[request.command].java,
        account=request.caller,
        parameters=request.parameters | {"uuid": machine.id},
        work=work(),
        action=action,
        bus_instance_type="InternalLbVm",
        shown_type="InternalLbVm",
        context={"interface com.cloud.vm.VirtualMachine": machine.id},
        spoiled=request.spoiled,
        logs_only_schedule=not state.is_since(ILB_VM_STAGES),
    )
    return {"jobid": submit(state, task).id}
