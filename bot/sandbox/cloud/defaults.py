"""List the global settings a fresh management server has, as far as anybody here reads them."""

from __future__ import annotations

from math import ceil

from bot.sandbox.cloud.model import Setting
from bot.sandbox.cloud.state import CloudState

ADVANCED = ("Advanced", "Miscellaneous", "Others")
HEALTH = ("Advanced", "System VMs", "VirtualRouter")
LB = ("Network", "Network", "Network")
EVENTS = ("Advanced", "Management Server", "Events")
JOBS = ("Advanced", "Management Server", "Jobs")
ROUTERS = "VirtualNetworkApplianceManagerImpl"
SERVER = "management-server"

ROLE_CHECK = "router.check.interval"
VISIBILITIES = "global,guest-network,link-local,disabled,all,default"

Row = tuple[str, str | None, str, tuple[str, str, str], str, str]

ROWS: tuple[Row, ...] = (
    (
        "minreq.sysvmtemplate.version",
        "4.22.0",
        "What version should the Virtual Routers report",
        ADVANCED,
        "NetworkOrchestrationService",
        "String",
    ),
    (
        "network.loadbalancer.haproxy.max.conn",
        "4096",
        "Load Balancer(haproxy) maximum number of concurrent connections(global max)",
        LB,
        "NetworkOrchestrationService",
        "Number",
    ),
    (
        "network.loadbalancer.haproxy.stats.visibility",
        "global",
        "Load Balancer(haproxy) stats visibility, the value can be one of the following six "
        f"parameters : {VISIBILITIES}",
        LB,
        SERVER,
        "Select",
    ),
    (
        "network.loadbalancer.haproxy.stats.port",
        "8081",
        "Load Balancer(haproxy) stats port number.",
        LB,
        SERVER,
        "String",
    ),
    (
        "network.loadbalancer.haproxy.stats.uri",
        "/admin?stats",
        "Load Balancer(haproxy) uri.",
        LB,
        SERVER,
        "String",
    ),
    (
        "internallbvm.service.offering",
        None,
        "Uuid of the service offering used by internal lb vm; if NULL - default system internal "
        "lb offering will be used",
        ADVANCED,
        "NetworkManager",
        "String",
    ),
    (
        "router.health.checks.enabled",
        "true",
        "If true, router health checks are allowed to be executed and read",
        HEALTH,
        ROUTERS,
        "Boolean",
    ),
    (
        "router.health.checks.failures.to.recreate.vr",
        "",
        "Health checks failures defined by this config are the checks that should cause router "
        "recreation",
        HEALTH,
        ROUTERS,
        "CSV",
    ),
    (
        "router.health.checks.basic.interval",
        "3",
        "Interval in minutes at which basic router health checks are performed",
        HEALTH,
        ROUTERS,
        "Number",
    ),
    (
        "router.health.checks.advanced.interval",
        "10",
        "Interval in minutes at which advanced router health checks are performed",
        HEALTH,
        ROUTERS,
        "Number",
    ),
    (
        "router.health.checks.max.cpu.usage.threshold",
        "100",
        "Max CPU Usage threshold as % above which check is considered a failure.",
        HEALTH,
        ROUTERS,
        "Decimal",
    ),
    (
        "publish.action.events",
        "true",
        "enable or disable publishing of action events on the event bus",
        EVENTS,
        SERVER,
        "Boolean",
    ),
    (
        "default.page.size",
        "500",
        "Default page size for API list* commands",
        ADVANCED,
        SERVER,
        "Number",
    ),
    (
        "job.expire.minutes",
        "1440",
        "Time (in minutes) for async-jobs to be kept in system",
        JOBS,
        "AsyncJobManager",
        "Number",
    ),
    (
        "ping.interval",
        "60",
        "Interval to send application level pings to make sure the connection is still working",
        ADVANCED,
        "AgentManagerImpl",
        "Number",
    ),
    (
        "vm.stats.interval",
        "60000",
        "The interval (in milliseconds) when vm stats are retrieved from agents.",
        ("Advanced", "Compute", "Virtual Machine"),
        SERVER,
        "Number",
    ),
    (
        "vm.stats.user.vm.only",
        "false",
        "When set to 'false' stats for system VMs will be collected otherwise stats collection "
        "will be done only for user VMs",
        ("Advanced", "Compute", "Virtual Machine"),
        "StatsCollector",
        "Boolean",
    ),
    (
        "network.rolling.restart",
        "true",
        "Whether to allow or deny rolling restart of network routers.",
        ("Advanced", "Network", "Network"),
        "NetworkOrchestrationService",
        "Boolean",
    ),
    (
        "router.health.checks.results.fetch.interval",
        "10",
        "Interval in minutes at which router health checks results are fetched by management "
        "server. On each result fetch, management server evaluates need to recreate VR as per "
        "configuration of router.health.checks.failures.to.recreate.vr",
        HEALTH,
        ROUTERS,
        "Number",
    ),
    (
        ROLE_CHECK,
        "30",
        "Interval (in seconds) to report redundant router status.",
        ADVANCED,
        SERVER,
        "Number",
    ),
    (
        "vpc.max.networks",
        "3",
        "Maximum number of networks per vpc",
        ("Advanced", "Network", "VPC"),
        "VpcManager",
        "Number",
    ),
    (
        "enforce.post.requests.and.timestamps",
        "false",
        "Enable/Disable whether the ApiServer should only accept POST requests for state-changing "
        "APIs and requests with timestamps",
        ADVANCED,
        "ApiServer",
        "Boolean",
    ),
)

PER_ZONE = {
    "minreq.sysvmtemplate.version",
    "router.health.checks.failures.to.recreate.vr",
    "router.health.checks.max.cpu.usage.threshold",
}
UNDER_HEALTH_CHECKS = "router.health.checks."
NOT_DYNAMIC = {
    "router.health.checks.results.fetch.interval",
    "internallbvm.service.offering",
    "publish.action.events",
    "vm.stats.interval",
} | {"enforce.post.requests.and.timestamps"}


def add_default_settings(state: CloudState) -> None:
    """Add them; a world that is faster than a real one says so where the bot waits by a setting."""
    for name, value, description, (category, group, subgroup), component, type_ in ROWS:
        is_child = name.startswith(UNDER_HEALTH_CHECKS) and not name.endswith(".enabled")
        state.settings[name] = Setting(
            name=name,
            value=value,
            default=value,
            description=description,
            category=category,
            group=group,
            subgroup=subgroup,
            component=component,
            type=type_,
            dynamic=name not in NOT_DYNAMIC and component != SERVER,
            scope="zone" if name in PER_ZONE else None,
            options=VISIBILITIES if type_ == "Select" else None,
            parent="router.health.checks.enabled" if is_child else None,
        )
    state.settings[ROLE_CHECK].value = str(max(1, ceil(state.latencies.role_check_s)))
