"""Answer the commands around network offerings.

Follows ConfigurationManagerImpl.createNetworkOffering: an offering with InternalLbVm is for VPCs
whether it says so or not; only one LB scheme, and only dedicated isolation, can be had.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.sandbox.cloud.frame import ApiError, Body, date, present
from bot.sandbox.cloud.machines import default_offering
from bot.sandbox.cloud.model import NetworkOffering
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.services import LB_CHOICES, offering_services
from bot.sandbox.cloud.state import CloudState
from bot.sandbox.cloud.versions import CONSERVE_MODE_IN_VPCS

PROVIDERS = {"virtualrouter", "vpcvirtualrouter", "internallbvm", "configdrive"}
SERVICES = frozenset(
    [
        "dhcp",
        "dns",
        "sourcenat",
        "portforwarding",
        "userdata",
        "staticnat",
        "networkacl",
        "lb",
        "vpn",
        "firewall",
        "gateway",
    ]
)
INTERNAL = "InternalLbVm"


def list_network_offerings(request: Request) -> Body:
    wanted, name = request.entity("id", NetworkOffering), request.text("name")
    services, state = request.text("supportedservices"), request.text("state")
    for_vpc = request.boolean("forvpc")
    found = [
        one
        for one in request.state.all(NetworkOffering)
        if wanted in (None, one)
        and name in (None, one.name)
        and state in (None, one.state)
        and for_vpc in (None, one.for_vpc)
        and (services != "Lb" or one.lb_provider is not None)
    ]
    return request.page("networkoffering", found, lambda one: _offering(request.state, one))


def create_offering(request: Request) -> Body:
    """Make an offering, Disabled unless `enable=true`."""
    state, name = request.state, request.required("name")
    request.required("traffictype")
    guest_type, services = request.required("guestiptype"), request.required("supportedservices")
    if guest_type.lower() == "shared":
        raise _refusal("SpecifyIpRanges should always be true for Shared network offerings")
    _require_known_services(services)
    providers = _providers(request)
    for_vpc = bool(request.boolean("forvpc")) or INTERNAL in providers.values()
    conserve = request.boolean("conservemode") is not False
    if for_vpc and conserve and not state.is_since(CONSERVE_MODE_IN_VPCS):
        raise _refusal("Only networks with conserve mode Off can belong to VPC")
    _require_sane_lb(request, providers.get("lb"))
    if any(one.name == name for one in state.all(NetworkOffering)):
        raise ApiError(530, "Entity already exists ")
    lb = providers.get("lb") if "lb" in services.lower().split(",") else None
    one = state.add(
        NetworkOffering(
            **state.identity("network-offering", f"{name}/{state.number('made-offering')}"),
            name=name,
            text=request.text("displaytext") or name,
            created=state.at,
            lb_provider=lb,
            for_vpc=for_vpc,
            redundant=_capabilities(request, "SourceNat").get("redundantrouter") == "true",
            state="Enabled" if request.boolean("enable") else "Disabled",
            conserve=conserve,
            max_connections=request.integer("maxconnections") or _global_maximum(state),
            keep_alive=bool(request.boolean("keepaliveenabled")),
        )
    )
    state.effect("network_offering.created", one.name, id=one.id)
    return {"networkoffering": _offering(state, one)}


def update_offering(request: Request) -> Body:
    """Change state, text or maxconnections; `keepaliveenabled` is ignored, as upstream does."""
    one = request.required_entity("id", NetworkOffering)
    wanted = request.text("state")
    if wanted not in (None, "Enabled", "Disabled"):
        raise _refusal(f"Incorrect state specified: {wanted}")
    one.state = wanted or one.state
    one.text = request.text("displaytext") or one.text
    one.max_connections = request.integer("maxconnections") or one.max_connections
    request.state.effect("network_offering.changed", one.name, id=one.id, state=one.state)
    return {"networkoffering": _offering(request.state, one)}


def _require_known_services(services: str) -> None:
    for service in services.split(","):
        if service.lower() not in SERVICES:
            raise _refusal(f"Invalid service {service}")


def _providers(request: Request) -> dict[str, str]:
    """Return the provider of each service, by the service's lower-case name."""
    found = {}
    for pair in request.indexed("serviceproviderlist"):
        provider = pair.get("provider", "")
        if provider.lower() not in PROVIDERS:
            raise _refusal(f"Invalid service provider: {provider}")
        found[pair.get("service", "").lower()] = provider
    return found


def _require_sane_lb(request: Request, provider: str | None) -> None:
    chosen = _capabilities(request, "Lb")
    if not chosen or provider != INTERNAL:
        return
    if "supportedlbisolation" not in chosen:
        raise _refusal(f"Only {''.join(LB_CHOICES)} capabilities can be specified for LB service")
    schemes = chosen.get("lbschemes", "internal")
    if "internal" not in schemes and "public" not in schemes:
        raise _refusal("Unknown specified value for LbSchemes")
    if schemes != "internal":
        raise _unsupported(schemes, "LbSchemes")
    if chosen["supportedlbisolation"] != "dedicated":
        raise _unsupported(chosen["supportedlbisolation"], "SupportedLBIsolation")


def _unsupported(value: str, capability: str) -> ApiError:
    return ApiError(
        530,
        f"Service Lb doesn't support value {value} for capability {capability} "
        f"for element={INTERNAL} implementing Provider={INTERNAL}",
        cserrorcode=4390,
    )


def _capabilities(request: Request, service: str) -> Mapping[str, str]:
    return {
        one.get("capabilitytype", "").lower(): one.get("capabilityvalue", "")
        for one in request.indexed("servicecapabilitylist")
        if one.get("service", "").lower() == service.lower()
    }


def _global_maximum(state: CloudState) -> int:
    """Freeze today's global maximum into the offering, as upstream does."""
    return int(state.setting("network.loadbalancer.haproxy.max.conn"))


def _offering(state: CloudState, one: NetworkOffering) -> Body:
    internal = one.lb_provider == INTERNAL
    return present(
        id=one.id,
        name=one.name,
        displaytext=one.text,
        created=date(one.created),
        traffictype="Guest",
        isdefault=one.built_in,
        specifyvlan=False,
        conservemode=one.conserve,
        specifyipranges=False,
        availability="Optional",
        networkrate=200,
        state=one.state,
        guestiptype="Isolated",
        serviceofferingid=default_offering(state, "domainrouter").id,
        service=offering_services(one),
        forvpc=one.for_vpc,
        fornsx=False,
        fortungsten=False,
        ispersistent=False,
        egressdefaultpolicy=True,
        maxconnections=one.max_connections if internal or one.for_vpc else None,
        supportsstrechedl2subnet=False,
        supportspublicaccess=False,
        supportsinternallb=internal,
        internetprotocol="IPv4",
        specifyasnumber=False,
        hasannotations=False,
    )


def _refusal(text: str) -> ApiError:
    return ApiError(431, text, cserrorcode=4350)
