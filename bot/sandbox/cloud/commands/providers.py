"""Answer the commands that enable the internal LB provider of a zone.

Follows NetworkServiceImpl and InternalLoadBalancerElement: the provider cannot be enabled before
its element is configured.
"""

from __future__ import annotations

from bot.sandbox.cloud.commands.submitting import Shown, event, submit_job
from bot.sandbox.cloud.frame import ApiError, Body, JobFailed
from bot.sandbox.cloud.model import LbElement, Provider
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.state import stable_id

STATES = ("Enabled", "Disabled")
UNBOUND = Shown(None, "None")
NOT_READY = "Provider is not ready, cannot Enable the provider, please configure the provider first"


def list_providers(request: Request) -> Body:
    name, state = request.text("name"), request.text("state")
    network = request.text("physicalnetworkid")
    found = [
        one
        for one in request.state.all(Provider)
        if (name is None or name.lower() == one.name.lower())
        and state in (None, one.state)
        and network in (None, stable_id("physical-network"))
    ]
    return request.page("networkserviceprovider", found, _provider)


def update_provider(request: Request) -> Body:
    state, one = request.state, request.required_entity("id", Provider)
    wanted = request.text("state")

    def work() -> Work:
        if wanted is not None and wanted not in STATES:
            raise JobFailed(431, f"Unable to update provider to state {wanted}")
        elements = [each for each in state.all(LbElement) if each.provider is one]
        if wanted == "Enabled" and not all(each.enabled for each in elements):
            raise JobFailed(530, NOT_READY)
        yield state.latencies.rule_s
        one.state = wanted or one.state
        state.effect("provider.changed", one.name, id=one.id, state=one.state)
        return {"networkserviceprovider": _provider(one)}

    doing = "Updating physical network ServiceProvider"
    action = event("SERVICE.PROVIDER.UPDATE", one, "PhysicalNetworkServiceProvider", doing)
    return submit_job(request, work(), action, UNBOUND)


def list_elements(request: Request) -> Body:
    wanted, provider = request.entity("id", LbElement), request.entity("nspid", Provider)
    enabled = request.boolean("enabled")
    found = [
        one
        for one in request.state.all(LbElement)
        if wanted in (None, one)
        and provider in (None, one.provider)
        and enabled in (None, one.enabled)
    ]
    return request.page("internalloadbalancerelement", found, _element)


def configure_element(request: Request) -> Body:
    state, one = request.state, request.required_entity("id", LbElement)
    request.required("enabled")
    enabled = bool(request.boolean("enabled"))

    def work() -> Work:
        yield 0.0
        one.enabled = enabled
        state.effect("provider.configured", one.provider.name, id=one.id, enabled=enabled)
        return {"internalloadbalancerelement": _element(one)}

    doing = f"configuring internal load balancer element: {one.id}"
    action = event("NETWORK.ELEMENT.CONFIGURE", one, "VirtualRouterProvider", doing)
    return submit_job(request, work(), action, UNBOUND)


def create_element(request: Request) -> Body:
    """Refuse a second element of a provider: the first comes with the physical network."""
    provider = request.required_entity("nspid", Provider)
    if any(one.provider is provider for one in request.state.all(LbElement)):
        raise ApiError(
            530, f"There is already a virtual router element with service provider id {provider.id}"
        )
    made = LbElement(**request.state.identity("lb-element"), provider=provider, enabled=False)
    element = request.state.add(made)

    def work() -> Work:
        yield 0.0
        return {"internalloadbalancerelement": _element(element)}

    doing = "Adding internal load balancer element"
    action = event("NETWORK.ELEMENT.CONFIGURE", element, "VirtualRouterProvider", doing)
    return submit_job(request, work(), action, UNBOUND, created=element)


def list_physical_networks(request: Request) -> Body:
    zone = request.state.zone
    row = {
        "id": stable_id("physical-network"),
        "name": f"{zone.name}-net",
        "broadcastdomainrange": "ZONE",
        "zoneid": zone.id,
        "zonename": zone.name,
        "state": "Enabled",
        "vlan": "100-200",
        "isolationmethods": "VLAN",
    }
    return request.page("physicalnetwork", [row], lambda one: one)


def _provider(one: Provider) -> Body:
    return {
        "name": one.name,
        "physicalnetworkid": stable_id("physical-network"),
        "state": one.state,
        "id": one.id,
        "servicelist": list(one.services),
        "canenableindividualservice": one.name != "SecurityGroupProvider",
    }


def _element(one: LbElement) -> Body:
    return {"id": one.id, "nspid": one.provider.id, "enabled": one.enabled}
