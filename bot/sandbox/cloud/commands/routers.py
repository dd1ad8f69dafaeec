"""Answer listRouters and the router commands, which also take an ILB VM's id where CloudStack does.

Follows VirtualNetworkApplianceManagerImpl and NetworkHelperImpl: reboot and destroy accept an
ILB VM, start and stop refuse it inside the job.
"""

from __future__ import annotations

from dataclasses import replace

from bot.sandbox.cloud import machines
from bot.sandbox.cloud.commands.ilb_vms import system_machines
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import ApiError, Body, JobFailed
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.machine_views import system_machine
from bot.sandbox.cloud.model import Kind, Machine, ServiceOffering
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action
from bot.sandbox.cloud.request import Request


def list_routers(request: Request) -> Body:
    """List routers; their role is fixed in the command, so ILB VMs never appear."""
    found = system_machines(request, Kind.ROUTER)
    version = request.text("version")
    checks = bool(request.boolean("fetchhealthcheckresults"))
    return request.page(
        "router",
        [machine for machine in found if version in (None, machine.version)],
        lambda machine: system_machine(request.state, machine, checks=checks),
    )


def reboot_router(request: Request) -> Body:
    return {"jobid": reboot_job(request, system_vm(request, "id"))}


def reboot_job(request: Request, machine: Machine) -> str:
    """Submit the reboot of one machine, whatever command asks for it; return the job's id."""
    work = _shown(request, machine, machines.reboot(request.state, machine))
    asked = replace(request, command="rebootRouter")
    body = _submit(asked, machine, work, "ROUTER.REBOOT", "rebooting router", "Rebooting")
    return str(body["jobid"])


def destroy_router(request: Request) -> Body:
    """Expunge a router or an ILB VM. The rules of an ILB VM stay Active without it."""
    machine = system_vm(request, "id")
    work = _shown(request, machine, machines.destroy(request.state, machine))
    return _submit(request, machine, work, "ROUTER.DESTROY", "destroying router", "Destroying")


def start_router(request: Request) -> Body:
    machine = system_vm(request, "id")
    work = _routers_only(request, machine, machines.start(request.state, machine))
    return _submit(request, machine, work, "ROUTER.START", "starting router", "Starting")


def stop_router(request: Request) -> Body:
    machine = system_vm(request, "id")
    stop = machines.stop(request.state, machine, forced=bool(request.boolean("forced")))
    work = _routers_only(request, machine, stop)
    return _submit(request, machine, work, "ROUTER.STOP", "stopping router", "Stopping")


def change_service(request: Request) -> Body:
    """Change the offering of a stopped system VM; any system offering will do, as upstream."""
    machine = system_vm(request, "id")
    offering = request.required_entity("serviceofferingid", ServiceOffering)
    if offering.systemvm_type is None:
        raise ApiError(
            431,
            "Cannot upgrade router vm to a non system service offering Service offering "
            f'{{"id":{offering.number},"name":"{offering.name}","uuid":"{offering.id}"}}.',
            cserrorcode=4350,
        )
    if machine.state != "Stopped":
        raise ApiError(
            431,
            f"Unable to upgrade router {machine.described} in state {machine.state}; "
            "make sure the router is stopped and not in an error state before upgrading.",
            cserrorcode=4350,
        )
    machine.offering = offering
    request.state.effect("machine.offering_changed", machine.name, offering=offering.name)
    return {_key(machine): system_machine(request.state, machine)}


def system_vm(request: Request, parameter: str) -> Machine:
    """Return the router or ILB VM that a parameter names; a tenant's VM is none."""
    machine = request.required_entity(parameter, Machine)
    if machine.kind is Kind.USER or machine.removed:
        raise ApiError(431, f"Unable to find domain router by id={machine.number}")
    return machine


def _routers_only(request: Request, machine: Machine, work: Work) -> Work:
    if machine.kind is not Kind.ROUTER:
        raise JobFailed(431, "Can't find router by id")
    return (yield from _shown(request, machine, work))


def _shown(request: Request, machine: Machine, work: Work) -> Work:
    yield from work
    return {_key(machine): system_machine(request.state, machine)}


def _key(machine: Machine) -> str:
    return "router" if machine.kind is Kind.ROUTER else "internalloadbalancervm"


def _submit(
    request: Request, machine: Machine, work: Work, type_: str, scheduled: str, doing: str
) -> Body:
    action = Action(
        type=type_,
        resource=machine,
        entity="DomainRouter",
        scheduled=f"{scheduled}: {machine.id}",
        doing=f"{doing} router Vm. Router Id: {machine.id}",
        resource_name=machine.name,
        pairs={"VirtualMachine": machine.id},
    )
    task = Task(
        command=COVERAGE[request.command].java,
        account=request.caller,
        parameters=request.parameters | {"uuid": machine.id},
        work=work,
        action=action,
        bus_key=machine.id,
        bus_instance_type="DomainRouter",
        bus_instance_id=machine.id,
        shown_type="DomainRouter",
        shown_id=machine.id,
        context={"interface com.cloud.vm.VirtualMachine": machine.id},
        spoiled=request.spoiled,
    )
    return {"jobid": submit(request.state, task).id}
