"""Answer the lists of what a zone is made of: zones, pods, hosts, templates, offerings, servers."""

from __future__ import annotations

from bot.sandbox.cloud.frame import ApiError, Body, date, present
from bot.sandbox.cloud.model import (
    Host,
    Job,
    Kind,
    Pod,
    ServiceOffering,
    Template,
    Zone,
)
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.state import CloudState, stable_id
from bot.sandbox.cloud.views import owner_of

TEMPLATE_FILTERS = frozenset(
    ("featured", "self", "selfexecutable", "sharedexecutable", "executable", "community", "all")
)


def list_zones(request: Request) -> Body:
    wanted, name = request.entity("id", Zone), request.text("name")
    found = [
        zone
        for zone in request.state.all(Zone)
        if wanted in (None, zone) and name in (None, zone.name) and _has_keyword(request, zone.name)
    ]
    return request.page("zone", found, _zone)


def list_pods(request: Request) -> Body:
    zone, name = request.state.zone, request.text("name")
    found = [pod for pod in request.state.all(Pod) if name in (None, pod.name)]
    return request.page(
        "pod",
        found,
        lambda pod: {
            "id": pod.id,
            "name": pod.name,
            "zoneid": zone.id,
            "zonename": zone.name,
            "gateway": f"172.16.{pod.number}.1",
            "netmask": "255.255.255.0",
            **_pod_range(pod),
            "allocationstate": "Enabled",
            "hasannotations": False,
        },
    )


def list_hosts(request: Request) -> Body:
    return request.page("host", hosts_asked_for(request), lambda one: host_row(request.state, one))


def hosts_asked_for(request: Request) -> list[Host]:
    wanted, type_ = request.entity("id", Host), request.text("type")
    name, state, pod = request.text("name"), request.text("state"), request.text("podid")
    return [
        host
        for host in request.state.all(Host)
        if wanted in (None, host)
        and type_ in (None, "Routing")
        and name in (None, host.name)
        and state in (None, host.state)
        and pod in (None, host.pod.id)
    ]


def list_templates(request: Request) -> Body:
    """List templates. `version` of a system template is not shown: only machines report it."""
    filter_ = request.required("templatefilter")
    if filter_ not in TEMPLATE_FILTERS:
        raise ApiError(
            431,
            "No enum constant com.cloud.template.VirtualMachineTemplate.TemplateFilter." + filter_,
        )
    wanted, type_ = request.entity("id", Template), request.text("templatetype")
    name = request.text("name")
    found = [
        one
        for one in request.state.all(Template)
        if wanted in (None, one)
        and name in (None, one.name)
        and (filter_ == "all" or not one.system)
        and type_ in (None, "SYSTEM" if one.system else "USER")
    ]
    return request.page("template", found, lambda one: _template(request.state, one))


def list_service_offerings(request: Request) -> Body:
    wanted, name = request.entity("id", ServiceOffering), request.text("name")
    system = bool(request.boolean("issystem"))
    type_ = request.text("systemvmtype")
    found = [
        one
        for one in request.state.all(ServiceOffering)
        if (wanted is one)
        or (
            wanted is None
            and (one.systemvm_type is not None) is system
            and type_ in (None, one.systemvm_type)
            and name in (None, one.name)
        )
    ]
    return request.page("serviceoffering", found, _offering)


def create_service_offering(request: Request) -> Body:
    """Make an offering of a fixed size, for tenants or for one type of system VM."""
    state, name = request.state, request.required("name")
    cpus, mhz = request.required_integer("cpunumber"), request.required_integer("cpuspeed")
    one = state.add(
        ServiceOffering(
            **state.identity("service-offering"),
            name=name,
            cpus=cpus,
            mhz=mhz,
            memory_mb=request.required_integer("memory"),
            created=state.at,
            systemvm_type=request.text("systemvmtype") if request.boolean("issystem") else None,
            limits_cpu=request.boolean("limitcpuuse") or False,
        )
    )
    state.effect("service_offering.created", one.name, id=one.id)
    return {"serviceoffering": _offering(one)}


def list_management_servers(request: Request) -> Body:
    state = request.state
    pending = sum(1 for job in state.all(Job) if job.status == 0)
    row = present(
        id=state.server_id,
        name="localhost",
        state="Up",
        version=state.version,
        lastserverstart=date(state.server_started),
        lastserverstop=date(state.server_stopped) if state.server_stopped is not None else None,
        lastboottime=date(state.server_started),
        lastagents=[],
        agentscount=len(list(state.all(Host))),
        pendingjobscount=pending,
    )
    return request.page("managementserver", [row], lambda one: one)


def list_capabilities(request: Request) -> Body:
    return {
        "capability": {
            "securitygroupsenabled": False,
            "dynamicrolesenabled": True,
            "cloudstackversion": request.state.version,
            "userpublictemplateenabled": True,
            "supportELB": "false",
            "projectinviterequired": False,
            "allowusercreateprojects": True,
            "customdiskofferingminsize": 1,
            "customdiskofferingmaxsize": 1024,
            "regionsecondaryenabled": False,
            "kvmsnapshotenabled": False,
            "allowuserviewdestroyedvm": False,
            "allowuserexpungerecovervm": False,
            "allowuserviewalldomainaccounts": False,
            "kubernetesserviceenabled": False,
            "defaultuipagesize": 20,
        }
    }


def _has_keyword(request: Request, name: str) -> bool:
    return (request.text("keyword") or "") in name


def _zone(zone: Zone) -> Body:
    return {
        "id": zone.id,
        "name": zone.name,
        "dns1": zone.dns,
        "internaldns1": zone.dns,
        "guestcidraddress": "10.1.1.0/24",
        "networktype": "Advanced",
        "securitygroupsenabled": False,
        "gputotal": 0,
        "gpuused": 0,
        "allocationstate": "Enabled",
        "zonetoken": stable_id(f"zone-token/{zone.name}"),
        "dhcpprovider": "VirtualRouter",
        "localstorageenabled": False,
        "tags": [],
        "allowuserspecifyvrmtu": False,
        "routerprivateinterfacemaxmtu": 1500,
        "routerpublicinterfacemaxmtu": 1500,
        "type": "Core",
        "isnsxenabled": False,
        "ismultiarch": False,
        "asnrange": "",
        "routedmodeenabled": True,
        "hasannotations": False,
    }


def host_row(state: CloudState, host: Host) -> Body:
    zone = state.zone
    machines = [one for kind in Kind for one in state.machines(kind) if one.host is host]
    mhz = sum(one.offering.cpus * one.offering.mhz for one in machines)
    memory = sum(one.offering.memory_mb for one in machines) * 1024 * 1024
    cpu_percent, memory_percent = f"{mhz / 640:.2f}%", f"{memory / (256 << 30):.2%}"
    return {
        "id": host.id,
        "name": host.name,
        "state": host.state,
        "type": "Routing",
        "ipaddress": host.address,
        "zoneid": zone.id,
        "zonename": zone.name,
        "podid": host.pod.id,
        "podname": host.pod.name,
        "version": state.version,
        "hypervisor": "KVM",
        "cpunumber": 32,
        "cpuspeed": 2000,
        "cpuallocated": cpu_percent,
        "cpuallocatedvalue": mhz,
        "cpuallocatedpercentage": cpu_percent,
        "cpuallocatedwithoverprovisioning": cpu_percent,
        "cpuused": f"{host.cpu_percent:g}%",
        "cpuwithoverprovisioning": "64000",
        "cpuloadaverage": 0.4,
        "networkkbsread": 0,
        "networkkbswrite": 0,
        "memorytotal": 256 << 30,
        "memorywithoverprovisioning": str(256 << 30),
        "memoryallocated": memory,
        "memoryallocatedpercentage": memory_percent,
        "memoryallocatedbytes": memory,
        "memoryused": memory // 2,
        "capabilities": "hvm,snapshot",
        "lastpinged": date(state.at),
        "managementserverid": state.server_id,
        "managementservername": "localhost",
        "clusterid": host.cluster_id,
        "clustername": host.cluster,
        "clustertype": "CloudManaged",
        "islocalstorageactive": False,
        "created": date(host.created),
        "events": "AgentConnected; AgentDisconnected; HostDown; ManagementServerDown; Ping; "
        "PingTimeout; Remove; ShutdownRequested; StartAgentRebalance",
        "hostha": {"haenable": False, "hastate": "Disabled"},
        "outofbandmanagement": {"powerstate": "Disabled", "enabled": False},
        "resourcestate": host.resource_state,
        "hypervisorversion": "8.2.2",
        "hahost": False,
        "ueficapability": False,
        "arch": "x86_64",
        "hasannotations": False,
    }


def _pod_range(pod: Pod) -> Body:
    """Show the range of management addresses twice, as CloudStack does."""
    shown = {
        "startip": f"172.16.{pod.number}.100",
        "endip": f"172.16.{pod.number}.200",
        "forsystemvms": "0",
        "vlanid": "vlan://untagged",
    }
    return {"ipranges": [shown]} | {key: [value] for key, value in shown.items()}


def _template(state: CloudState, one: Template) -> Body:
    return (
        {
            "id": one.id,
            "name": one.name,
            "displaytext": one.name,
            "ispublic": not one.system,
            "created": date(one.created),
            "isready": True,
            "passwordenabled": False,
            "format": "QCOW2",
            "isfeatured": not one.system,
            "crossZones": True,
            "ostypeid": stable_id("guest-os/debian"),
            "ostypename": "Debian GNU/Linux 12 (64-bit)",
            "account": "system",
            "zoneid": state.zone.id,
            "zonename": state.zone.name,
            "status": "Download Complete",
            "size": 5 << 30,
            "physicalsize": 512 << 20,
            "templatetype": "SYSTEM" if one.system else "USER",
            "hypervisor": "KVM",
        }
        | {key: value for key, value in owner_of(state.system).items() if key != "account"}
        | {
            "isextractable": False,
            "checksum": "",
            "details": {},
            "downloaddetails": [
                {
                    "downloadState": "DOWNLOADED",
                    "datastore": name,
                    "datastoreRole": role,
                    "downloadPercent": "100",
                    "datastoreId": stable_id(f"datastore/{name}"),
                }
                for name, role in (("secondary-1", "Image"), ("primary-1", "Primary"))
            ],
            "arch": "x86_64",
            "bits": 0,
            "sshkeyenabled": False,
            "isdynamicallyscalable": False,
            "directdownload": False,
            "deployasis": False,
            "forcks": False,
            "requireshvm": False,
            "url": f"https://templates.example/{one.name}.qcow2.bz2",
            "tags": [],
            "hasannotations": False,
        }
    )


def _offering(one: ServiceOffering) -> Body:
    """Show an offering; those that come with CloudStack lack what a created one says of itself."""
    built_in = one.default or one.systemvm_type is None
    shown = present(
        id=one.id,
        name=one.name,
        state="Active",
        displaytext=None if one.default else one.name,
        cpunumber=one.cpus,
        cpuspeed=one.mhz,
        memory=one.memory_mb,
        created=date(one.created),
        storagetype="shared",
        provisioningtype="thin",
        offerha=one.default,
        limitcpuuse=one.limits_cpu,
        isvolatile=False,
        issystem=one.systemvm_type is not None,
        defaultuse=one.default,
        systemvmtype=one.systemvm_type,
        iscustomized=False,
        rootdisksize=0,
        dynamicscalingenabled=True,
        diskofferingstrictness=False,
        diskofferingid=stable_id(f"disk-offering/{one.name}"),
        diskofferingname=one.name,
        diskofferingdisplaytext=None if one.default else one.name,
        encryptroot=False,
        hasannotations=False,
    )
    if built_in:
        return shown
    return shown | {"iscustomizediops": False, "miniops": 0, "maxiops": 0, "gpudisplay": False}
