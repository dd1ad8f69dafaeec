"""Answer the list of tenants' VMs, and start and stop one: enough to empty a tier or fill it."""

from __future__ import annotations

from bot.sandbox.cloud import balancing, machines
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import Body, JobFailed
from bot.sandbox.cloud.jobs import Task, submit
from bot.sandbox.cloud.machine_views import user_machine
from bot.sandbox.cloud.model import Host, Kind, Machine, Tier, Vpc
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import Action
from bot.sandbox.cloud.request import Request


def list_machines(request: Request) -> Body:
    """List tenants' VMs; the id of a system VM finds nothing."""
    found = machines_asked_for(request)
    return request.page("virtualmachine", found, lambda one: user_machine(request.state, one))


def machines_asked_for(request: Request) -> list[Machine]:
    wanted, tier = request.entity("id", Machine), request.entity("networkid", Tier)
    vpc, host = request.entity("vpcid", Vpc), request.entity("hostid", Host)
    name, state = request.text("name"), request.text("state")
    keyword = request.text("keyword") or ""
    return [
        machine
        for machine in request.visible(request.state.machines(Kind.USER))
        if wanted in (None, machine)
        and tier in (None, machine.tier)
        and (vpc is None or machine.tier.vpc is vpc)
        and host in (None, machine.host)
        and name in (None, machine.display_name)
        and state in (None, machine.state)
        and keyword in machine.display_name
    ]


def start_machine(request: Request) -> Body:
    """Start a VM; in an Allocated tier with internal rules this hangs, as upstream."""
    state, machine = request.state, request.required_entity("id", Machine)

    def work() -> Work:
        _require_user_vm(machine)
        if machine.tier.state == "Allocated":
            yield from balancing.implement(state, machine.tier, machine)
        yield from machines.start(state, machine)
        return {"virtualmachine": user_machine(state, machine)}

    return submit_vm_job(request, machine, work(), "VM.START", "start")


def stop_machine(request: Request) -> Body:
    """Stop a VM; the last one of a tier lets the tier be collected a while later."""
    state, machine = request.state, request.required_entity("id", Machine)

    def work() -> Work:
        _require_user_vm(machine)
        yield from machines.stop(state, machine)
        state.processes.spawn(balancing.collect(state, machine.tier))
        return {"virtualmachine": user_machine(state, machine)}

    return submit_vm_job(request, machine, work(), "VM.STOP", "stopp")


def reboot_machine(request: Request) -> Body:
    state, machine = request.state, request.required_entity("id", Machine)

    def work() -> Work:
        _require_user_vm(machine, "Unable to find a virtual machine with id ")
        yield from machines.reboot(state, machine)
        return {"virtualmachine": user_machine(state, machine)}

    return submit_vm_job(request, machine, work(), "VM.REBOOT", "reboot")


def destroy_machine(request: Request) -> Body:
    """Expunge a VM; it is no member of any rule any more, and its tier may be collected."""
    state, machine = request.state, request.required_entity("id", Machine)

    def work() -> Work:
        _require_user_vm(machine)
        yield from machines.destroy(state, machine)
        for rule in state.rules_of(machine.tier):
            rule.members = [one for one in rule.members if one is not machine]
        state.processes.spawn(balancing.collect(state, machine.tier))
        return {"virtualmachine": user_machine(state, machine)}

    return submit_vm_job(request, machine, work(), "VM.DESTROY", "destroy")


def migrate_machine(request: Request) -> Body:
    """Move a tenant's VM to a host named, or to the best other one; no system VM is found."""
    state, machine = request.state, request.required_entity("virtualmachineid", Machine)
    target = request.entity("hostid", Host)

    def work() -> Work:
        _require_user_vm(machine, "Unable to find the VM by id=")
        yield from machines.migrate(state, machine, target)
        return {"virtualmachine": user_machine(state, machine)}

    return submit_vm_job(request, machine, work(), "VM.MIGRATE", "migrat")


def _require_user_vm(
    machine: Machine, text: str = "unable to find a virtual machine with id "
) -> None:
    if machine.kind is not Kind.USER or machine.removed:
        raise JobFailed(431, f"{text}{machine.number}")


def submit_vm_job(request: Request, machine: Machine, work: Work, type_: str, verb: str) -> Body:
    """Submit a job on a tenant's VM; `verb` is the stem of what its events say."""
    task = Task(
        command=COVERAGE[request.command].java,
        account=request.caller,
        parameters=request.parameters | {"uuid": machine.id},
        work=work,
        action=Action(
            type=type_,
            resource=machine,
            entity="VirtualMachine",
            scheduled=f"{verb}ing user vm: {machine.id}",
            doing=f"{verb.capitalize()}ing Vm. Vm Id: {machine.id}",
            resource_name=machine.display_name,
            pairs={"VirtualMachine": machine.id},
        ),
        bus_key=machine.id,
        bus_instance_type="VirtualMachine",
        bus_instance_id=machine.id,
        shown_type="VirtualMachine",
        shown_id=machine.id,
        context={"interface com.cloud.vm.VirtualMachine": machine.id},
        spoiled=request.spoiled,
    )
    return {"jobid": submit(request.state, task).id}
