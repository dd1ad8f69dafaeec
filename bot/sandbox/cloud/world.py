"""Make things happen to the pretend cloud that no API call asks for.

What a person at another keyboard, a failing host or a dying management server would do. Each
method acts at the present moment; what takes time goes on as the world's clock does.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.cloud import machines
from bot.sandbox.cloud.commands.ilb_vms import stop_action
from bot.sandbox.cloud.counters import Counters, Load
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.faults import Fault, Faults
from bot.sandbox.cloud.jobs import Task, cut_off, submit
from bot.sandbox.cloud.latencies import Latencies
from bot.sandbox.cloud.machine_views import system_machine
from bot.sandbox.cloud.model import HealthCheck, Host, Kind, Machine, Refusal, Rule, Template
from bot.sandbox.cloud.outages import notice_power_off
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.records import (
    ALERT_DOMAIN_ROUTER,
    ALERT_MANAGEMENT,
    Action,
    Stage,
    change_state,
    raise_alert,
    record_event,
)
from bot.sandbox.cloud.redundancy import rolling_restart
from bot.sandbox.cloud.roles import home_of, watch_roles
from bot.sandbox.cloud.state import CloudState, Publish
from bot.sandbox.cloud.timeline import Traffic
from bot.sandbox.cloud.traffic import Behaviour
from bot.sandbox.cloud.versions import NEWEST, OLDEST, parsed

RECREATE = "router.health.checks.failures.to.recreate.vr"
Seed = Callable[["World"], None]


class World(CloudState):
    """A pretend cloud with its clock, its listener, and hands that reach into it.

    Machines are named by name (`b-12-VM`) or id. `seeded_by` is what `reset` sows again.
    """

    def __init__(
        self,
        now: Callable[[], float],
        latencies: Latencies | None = None,
        publish: Publish | None = None,
    ) -> None:
        super().__init__(now, latencies or Latencies(), publish)
        self.faults = Faults()
        self.seeded_by: Seed | None = None
        self.refuses_connections = False
        self.traffic = Traffic(self)
        self.counters = Counters(self, self.traffic)

    def reset(self) -> None:
        """Go back to the seed: nothing pending, nothing counted, time as it is."""
        self.clear()
        self.faults.clear()
        self.traffic.clear_losses()
        self.counters.clear()
        self.refuses_connections = False
        if self.seeded_by is not None:
            self.seeded_by(self)

    def set_version(self, version: str) -> None:
        """Be a management server of another version, "4.18.0.0" to "4.22.0.0", from now on.

        It outlives a reset. Routers show it as their software version after their next start.
        """
        if not parsed(OLDEST) <= parsed(version) <= parsed(NEWEST):
            raise ValueError(f"not between {OLDEST} and {NEWEST}: {version}")
        self.version = version

    def fail_next(self, fault: Fault) -> None:
        """Let the next calls of a command go wrong; see FaultKind for how."""
        self.faults.add(fault)

    def refuse_next(self, operation: Refusal, times: int = 1) -> None:
        """Let hosts refuse the next stops, starts or rule changes, whoever asks for them."""
        self.refusals[operation] += times

    def machine(self, name_or_id: str) -> Machine:
        """Return a machine by id, name or display name; LookupError if there is not exactly one."""
        found = [
            one
            for one in self.all(Machine)
            if name_or_id in (one.id, one.name) or one.display_name == name_or_id
        ]
        if len(found) != 1:
            raise LookupError(f"{len(found)} machines are called {name_or_id!r}")
        return found[0]

    # machines

    def power_off(self, name: str) -> None:
        """Cut a machine's power behind the server's back: noticed at the third missed ping."""
        self.advance()
        machine = self.machine(name)
        machine.powered_on = False
        self.effect(f"{machines.PREFIX[machine.kind]}.powered_off", machine.name, id=machine.id)
        boots = machine.boots
        self.processes.call_at(
            self.at + self.latencies.power_off_noticed_s,
            lambda: notice_power_off(self, machine, boots),
        )
        if machine.kind is Kind.ROUTER:  # it does not answer the next role check: UNKNOWN
            watch_roles(self, machine)

    def stop_by_hand(self, name: str) -> str:
        """Stop an ILB VM as an administrator does in the UI; returns the job's id."""
        self.advance()
        machine = self.machine(name)

        def work() -> Work:
            yield from machines.stop(self, machine)
            return {"internalloadbalancervm": system_machine(self, machine)}

        task = Task(
            command=COVERAGE["stopInternalLoadBalancerVM"].java,
            account=self.admin,
            parameters={"id": machine.id, "uuid": machine.id},
            work=work(),
            action=stop_action(machine),
            bus_instance_type="InternalLbVm",
            shown_type="InternalLbVm",
        )
        job = submit(self, task)
        self.advance()
        return job.id

    def lose_ilb_vm(self, name: str) -> None:
        """Expunge an ILB VM at once while its rules stay Active."""
        self.advance()
        machine = self.machine(name)
        machine.state, machine.host, machine.powered_on = "Expunging", None, False
        machine.removed = True
        self.effect("ilb_vm.lost", machine.name, id=machine.id)

    def stick_in_stopping(self, name: str) -> None:
        """Leave a machine in Stopping with nobody working on it: a start fails, a stop repairs."""
        self.advance()
        machine = self.machine(name)
        change_state(self, machine, "Stopping")
        self.effect(f"{machines.PREFIX[machine.kind]}.stuck", machine.name, id=machine.id)

    def keep_version(self, name: str, keeps: bool = True) -> None:
        """Let a guest go on reporting its old version after stop and start, or no longer."""
        self.machine(name).keeps_version = keeps

    # traffic

    def stop_haproxy(self, name: str) -> None:
        """End an ILB VM's HAProxy until `start_haproxy` or a boot: CloudStack does not see it."""
        self.advance()
        machine = self.machine(name)
        machine.haproxy_is_up = False
        self.effect("haproxy.stopped", machine.name, id=machine.id)
        self.advance()

    def start_haproxy(self, name: str) -> None:
        """Start an ILB VM's HAProxy again where it is not up."""
        self.advance()
        machine = self.machine(name)
        if machine.haproxy_is_up:
            return
        machine.haproxy_is_up = True
        machine.haproxy_starts += 1
        self.effect("haproxy.started", machine.name, id=machine.id)

    def lose_connections(
        self,
        vip: str,
        port: int,
        how: Behaviour = Behaviour.RESETS,
        *,
        seconds: float = 0.0,
        count: int = 0,
        cut: bool = True,
    ) -> None:
        """Lose the next connections to a VIP and port; see `Traffic.lose` for how."""
        self.advance()
        self.traffic.lose(vip, port, how, seconds=seconds, count=count, cut=cut)
        self.effect(
            "connections.lost", f"{vip}:{port}", how=how, seconds=seconds, count=count, cut=cut
        )

    def open_sessions(self, vip: str, port: int, count: int, seconds: float = 0.0) -> None:
        """Let pretend clients connect to a VIP and stay, for a time or until they are closed."""
        self.advance()
        self.counters.open_sessions(vip, port, count, seconds)
        self.effect("sessions.opened", f"{vip}:{port}", count=count, seconds=seconds)

    def close_sessions(self, vip: str, port: int) -> int:
        """Let the pretend clients of a VIP and port leave; return how many were there."""
        self.advance()
        there = self.counters.close_sessions(vip, port)
        self.effect("sessions.closed", f"{vip}:{port}", count=there)
        return there

    def set_load(self, vip: str, port: int, load: Load) -> None:
        """Let HAProxy's stats page of a VIP and port show steady traffic."""
        self.advance()
        self.counters.set_load(vip, port, load)

    def set_check(
        self, name: str, check: str, status: str, details: str = "", *, heals: bool = True
    ) -> None:
        """Set one health check of a router or ILB VM; a FAILED one raises alert and event.

        One that `heals` passes when it is collected again after a start of the machine.
        """
        self.advance()
        machine = self.machine(name)
        machine.checks = [one for one in machine.checks if one.name != check]
        type_ = "advanced" if check in ("haproxy_check.py", "iptables_check.py") else "basic"
        machine.checks.append(
            HealthCheck(
                name=check, type=type_, status=status, details=details, updated=self.at, heals=heals
            )
        )
        if status == "FAILED":
            self._report_failing(machine)

    def set_role(self, name: str, role: str | None) -> None:
        """Let a router's keepalived report a role from the next check on; None: by itself."""
        self.advance()
        router = self.machine(name)
        router.role_by_hand = role
        watch_roles(self, router)

    def set_cpu(
        self, name: str, percent: float, *, machines: bool = False, for_s: float = 0.0
    ) -> None:
        """Let a machine, or a host by its name, be so busy: what metrics and history show.

        With `machines` every system VM on the host is as busy as the host; with `for_s` they
        have been for so long already.
        """
        self.advance()
        hosts = [one for one in self.all(Host) if name in (one.id, one.name)]
        for host in hosts:
            host.cpu_percent = percent
        system = (*self.machines(Kind.ILB), *self.machines(Kind.ROUTER))
        there = [one for one in system if machines and one.host in hosts]
        for machine in there if hosts else [self.machine(name)]:
            began = self.at - for_s
            machine.loads = [one for one in machine.loads if one[0] < began]
            machine.loads.append((began, machine.cpu_percent))
            machine.cpu_percent = percent

    def set_setting(self, name: str, value: str) -> None:
        """Let a global setting be something else, in force at once."""
        self.advance()
        if name not in self.settings:
            raise LookupError(f"there is no setting {name}")
        self.settings[name].value = value

    def close_hosts(self, besides: str = "") -> None:
        """Let hosts take no more machines, all but the one of that name; what runs goes on."""
        self.advance()
        for host in self.all(Host):
            host.resource_state = "Enabled" if host.name == besides else "Disabled"

    # templates and rules

    def publish_template(self, name: str, version: str, *, points_to_it: bool = True) -> Template:
        """Add a system VM template; with `points_to_it` as an upgraded server does: every
        system VM's templateid becomes the new one, their disks stay as they are."""
        self.advance()
        template = self.add(
            Template(**self.identity("template", name), name=name, version=version, created=self.at)
        )
        if points_to_it:
            for machine in (*self.machines(Kind.ILB), *self.machines(Kind.ROUTER)):
                machine.template = template
        self.effect("template.published", name, version=version)
        return template

    def drift_rule(self, name_or_id: str, **changes: str | int) -> Rule:
        """Change a rule behind everyone's back: any of its fields, or `without="member name"`."""
        self.advance()
        rule = next((one for one in self.all(Rule) if name_or_id in (one.id, one.name)), None)
        if rule is None:
            raise LookupError(f"there is no rule {name_or_id}")
        without = changes.pop("without", None)
        for field, value in changes.items():
            setattr(rule, field, value)
        rule.members = [one for one in rule.members if one.display_name != without]
        self.effect("rule.drifted", rule.name, id=rule.id, changes=changes, without=without)
        return rule

    # the management server

    def kill_server(self, *, refuses_connections: bool = False) -> None:
        """Kill the management server: its works stop where they stand, machines stay as they are.

        Until `start_server` calls get 503, or no connection at all. Machines left in Starting or
        Stopping get their real power state `power_sync_s` after this moment.
        """
        self.advance()
        self.processes.kill_all()
        self.server_is_up = False
        self.server_stopped = self.at
        self.refuses_connections = refuses_connections
        self.effect("server.killed", "management server")
        stuck = [one for one in self.all(Machine) if one.state in ("Starting", "Stopping")]
        self.processes.call_at(
            self.at + self.latencies.power_sync_s, lambda: self._sync_power(stuck)
        )

    def start_server(self) -> None:
        """Start the server again: what it had been doing has failed, without a result."""
        self.advance()
        self._start_server()

    def restart_server(self, down_s: float, *, refuses_connections: bool = False) -> None:
        """Kill the server and start it again `down_s` later."""
        self.kill_server(refuses_connections=refuses_connections)
        self.processes.call_at(self.at + down_s, self._start_server)

    def _start_server(self) -> None:
        self.server_is_up = True
        self.server_started = self.at
        self.refuses_connections = False
        cut_off(self)
        self.effect("server.started", "management server")
        subject = "Management server node 127.0.0.1 is up"
        raise_alert(self, ALERT_MANAGEMENT, "ALERT.MANAGEMENT", subject, "")

    def _sync_power(self, stuck: list[Machine]) -> None:
        if not self.server_is_up:
            self.processes.call_at(
                self.at + self.latencies.ping_interval_s, lambda: self._sync_power(stuck)
            )
            return
        for machine in stuck:
            machines.power_returns(self, machine)

    def _report_failing(self, machine: Machine) -> None:
        failing = [one.name for one in machine.checks if one.status == "FAILED"]
        who = f"{machine.name} / {machine.id}"
        subject = f"Health checks failed: {len(failing)} failing checks on router {who}"
        action = Action(
            type="ROUTER.HEALTH.CHECKS",
            resource=machine,
            entity="DomainRouter",
            resource_name=machine.name,
            said=f"Router {who} has failing checks: {', '.join(failing)}",
        )
        raise_alert(
            self, ALERT_DOMAIN_ROUTER, "ALERT.SERVICE.DOMAINROUTER", subject, subject, machine.pod
        )
        record_event(self, action, Stage.COMPLETED, account=self.system)
        if set(failing) & set(self.setting(RECREATE).split(",")):
            self._recreate_routers(machine)

    def _recreate_routers(self, machine: Machine) -> None:
        """Replace the routers of the VPC, also where an ILB VM's check failed: as recorded."""
        who = f"{machine.name} / {machine.id}"
        action = Action(
            type="ROUTER.HEALTH.CHECKS",
            resource=machine,
            entity="DomainRouter",
            resource_name=machine.name,
            said=f"Recreating router {who} by restarting VPC",
        )
        record_event(self, action, Stage.COMPLETED, account=self.system)
        self.processes.spawn(rolling_restart(self, home_of(machine.tier)))
