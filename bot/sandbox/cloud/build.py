"""Put things into a world that are there from the start: no job made them, no event tells."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from bot.sandbox.cloud.machines import default_offering, mac, new_ilb_vm
from bot.sandbox.cloud.model import (
    Account,
    AclItem,
    AclList,
    HealthCheck,
    Host,
    Kind,
    LbElement,
    Machine,
    NetworkOffering,
    Pod,
    Project,
    Provider,
    Role,
    Rule,
    ServiceOffering,
    Template,
    Tier,
    Vpc,
    Zone,
)
from bot.sandbox.cloud.state import CloudState, stable_id


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An API key and the secret that signs with it."""

    api_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Builder:
    """Adds to one world; every record was created at `since`."""

    state: CloudState
    since: float

    def zone(self, name: str, *, dns: str, domain: str) -> Zone:
        identity = self.state.identity("zone", name)
        self._built_in_acls()
        self._providers()
        return self.state.add(Zone(**identity, name=name, dns=dns, domain=domain))

    def _providers(self) -> None:
        """Add the providers of a physical network, set up and enabled."""
        for name, services in PROVIDERS.items():
            identity = self.state.identity("provider", name)
            state = "Disabled" if name == "SecurityGroupProvider" else "Enabled"
            provider = Provider(
                **identity, name=name, services=tuple(services.split()), state=state
            )
            self.state.add(provider)
            if name == "InternalLbVm":
                element = LbElement(**self.state.identity("lb-element"), provider=provider)
                self.state.add(element)

    def _built_in_acls(self) -> None:
        """Add the two lists every CloudStack has; nobody may change them."""
        for name, word in (("default_allow", "Allow"), ("default_deny", "Deny")):
            acl = self.state.add(
                AclList(
                    **self.state.identity("acl", name),
                    name=name,
                    description=f"Default Network ACL {word} All",
                    built_in=True,
                )
            )
            for position, traffic in ((1, "Ingress"), (2, "Egress")):
                item = AclItem(
                    **self.state.identity("acl-item", f"{name}/{traffic}"),
                    acl=acl,
                    position=position,
                    protocol="all",
                    cidrs="0.0.0.0/0",
                    traffic=traffic,
                    action=word,
                )
                self.state.add(item)

    def account(
        self, name: str, role: Role, keys: KeyPair | None = None, *, domain: str = "ROOT"
    ) -> Account:
        """Add an account with one user. `domain` is its path: ROOT or ROOT/name."""
        account = Account(
            **self.state.identity("account", name),
            name=name,
            role=role,
            domain=domain.rsplit("/", 1)[-1],
            domain_id=stable_id(f"domain/{domain}"),
            domain_path=domain,
            user_id=stable_id(f"user/{name}"),
            api_key=keys.api_key if keys else "",
            secret_key=keys.secret_key if keys else "",
        )
        return self.state.add(account)

    def pod(self, name: str) -> Pod:
        return self.state.add(Pod(**self.state.identity("pod", name), name=name))

    def host(self, name: str, pod: Pod) -> Host:
        identity = self.state.identity("host", name)
        return self.state.add(
            Host(
                **identity,
                name=name,
                pod=pod,
                cluster=f"{pod.name}-cluster",
                cluster_id=stable_id(f"cluster/{pod.name}"),
                address=f"172.16.{pod.number}.{10 + int(identity['number'])}",
                created=self.since,
            )
        )

    def template(self, name: str, version: str, *, system: bool = True) -> Template:
        identity = self.state.identity("template", name)
        return self.state.add(
            Template(**identity, name=name, version=version, created=self.since, system=system)
        )

    def offering(
        self, name: str, shape: tuple[int, int, int], systemvm_type: str | None = None
    ) -> ServiceOffering:
        """Add an offering of (CPUs, MHz, MB); the first of a system VM type is its default."""
        cpus, mhz, memory_mb = shape
        first = systemvm_type is not None and not any(
            one.systemvm_type == systemvm_type for one in self.state.all(ServiceOffering)
        )
        return self.state.add(
            ServiceOffering(
                **self.state.identity("service-offering", name),
                name=name,
                cpus=cpus,
                mhz=mhz,
                memory_mb=memory_mb,
                created=self.since,
                systemvm_type=systemvm_type,
                default=first,
            )
        )

    def network_offering(
        self, name: str, lb_provider: str | None, *, for_vpc: bool = True, redundant: bool = False
    ) -> NetworkOffering:
        return self.state.add(
            NetworkOffering(
                **self.state.identity("network-offering", name),
                name=name,
                text=name,
                created=self.since,
                lb_provider=lb_provider,
                for_vpc=for_vpc,
                redundant=redundant,
            )
        )

    def vpc(
        self, name: str, cidr: str, *, project: Project | None = None, redundant: bool = False
    ) -> Vpc:
        return self.state.add(
            Vpc(
                **self.state.identity("vpc", name),
                account=self.state.admin,
                project=project,
                name=name,
                cidr=cidr,
                created=self.since,
                redundant=redundant,
            )
        )

    def tier(
        self,
        vpc: Vpc | None,
        name: str,
        cidr: str,
        offering: NetworkOffering,
        *,
        state: str = "Implemented",
    ) -> Tier:
        """Add a tier, or with no VPC an isolated network; a tier lets everything pass."""
        subnet = IPv4Network(cidr)
        identity = self.state.identity("tier", f"{_place(vpc)}{name}")
        return self.state.add(
            Tier(
                **identity,
                account=vpc.account if vpc else self.state.admin,
                project=vpc.project if vpc else None,
                name=name,
                vpc=vpc,
                cidr=cidr,
                gateway=str(subnet[1]),
                netmask=str(subnet.netmask),
                offering=offering,
                created=self.since,
                vlan=1200 + int(identity["number"]),
                state=state,
                acl=self.state.one(AclList, "default_allow") if vpc else None,
                redundant=vpc is None and offering.redundant,
            )
        )

    def member(self, tier: Tier, name: str, last: int, *, running: bool = True) -> Machine:
        """Add a tenant's VM at the `last`th address of a tier."""
        template = next(one for one in self.state.all(Template) if not one.system)
        offering = next(one for one in self.state.all(ServiceOffering) if one.systemvm_type is None)
        machine = self._machine(
            Kind.USER, tier, str(IPv4Network(tier.cidr)[last]), template, offering, name
        )
        if running:
            self._run(machine)
        return machine

    def router(
        self, tier: Tier, last: int, *, version: Template, role: str = "UNKNOWN", public: str
    ) -> Machine:
        machine = self._machine(
            Kind.ROUTER,
            tier,
            str(IPv4Network(tier.cidr)[last]),
            version,
            default_offering(self.state, "domainrouter"),
        )
        machine.public_address = public
        machine.redundant = role != "UNKNOWN"
        machine.redundant_state = role
        self._run(machine)
        return machine

    def rule(
        self,
        tier: Tier,
        name: str,
        vip: str,
        ports: tuple[int, int],
        members: list[Machine],
        algorithm: str = "roundrobin",
    ) -> Rule:
        """Add a rule; with members it is Active, as after their assign."""
        return self.state.add(
            Rule(
                **self.state.identity("rule", f"{_place(tier.vpc)}{tier.name}/{name}"),
                account=tier.account,
                project=tier.project,
                name=name,
                tier=tier,
                vip_tier=tier,
                vip=vip,
                source_port=ports[0],
                instance_port=ports[1],
                algorithm=algorithm,
                state="Active" if members else "Add",
                members=list(members),
            )
        )

    def ilb_vm(self, tier: Tier, vip: str, *, disk: Template, state: str = "Running") -> Machine:
        """Add the ILB VM of a VIP that was booted from `disk`, whatever is current by now."""
        machine = new_ilb_vm(self.state, tier, vip)
        machine.created = self.since
        machine.disk = disk
        machine.version = disk.version
        machine.boots = 1
        if state == "Running":
            self._run(machine)
        machine.checks = [
            HealthCheck(
                name=name, type=type_, status="SUCCESS", details=details, updated=self.state.at
            )
            for name, type_, details in HEALTHY
        ]
        return machine

    def _machine(
        self,
        kind: Kind,
        tier: Tier,
        address: str,
        template: Template,
        offering: ServiceOffering,
        display_name: str = "",
    ) -> Machine:
        number = self.state.number("machine")
        prefix = "r" if kind is Kind.ROUTER else f"i-{tier.account.number}"
        return self.state.add(
            Machine(
                id=stable_id(f"machine/{number}"),
                number=number,
                account=tier.account,
                project=tier.project,
                name=f"{prefix}-{number}-VM",
                display_name=display_name,
                kind=kind,
                tier=tier,
                pod=next(self.state.all(Pod)),
                template=template,
                disk=template,
                offering=offering,
                address=address,
                mac=mac(number),
                created=self.since,
            )
        )

    def _run(self, machine: Machine) -> None:
        """Let a machine run on the next host in turn: pairs end up apart."""
        hosts = list(self.state.all(Host))
        machine.host = hosts[machine.number % len(hosts)]
        machine.pod = machine.host.pod
        machine.state, machine.powered_on = "Running", True
        machine.boots = max(machine.boots, 1)
        if machine.kind is not Kind.USER:
            machine.version = machine.disk.version


def _place(vpc: Vpc | None) -> str:
    return f"{vpc.name}/" if vpc else ""


PROVIDERS = {
    "ConfigDrive": "Dhcp Dns UserData",
    "InternalLbVm": "Lb",
    "VpcVirtualRouter": "Vpn Dhcp Dns Gateway Lb SourceNat StaticNat PortForwarding UserData",
    "SecurityGroupProvider": "SecurityGroup",
    "VirtualRouter": (
        "Vpn Dhcp Dns Gateway Firewall Lb SourceNat StaticNat PortForwarding UserData"
    ),
}
HEALTHY = (
    ("connectivity.test", "basic", "Successfully connected to router"),
    ("filesystem.writable.test", "basic", "Successfully written to file system"),
    ("cpu_usage_check.py", "basic", "CPU Usage within limits with current at 12.5%"),
    ("haproxy_check.py", "advanced", "All checks pass"),
)
