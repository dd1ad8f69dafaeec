"""Name the services of tiers and VPCs with their providers and capabilities, as lists show them."""

from __future__ import annotations

import json
from functools import cache

from bot.sandbox.cloud.frame import Body
from bot.sandbox.cloud.model import NetworkOffering

# method: (description, parameters); a parameter with "!" is a flag
STICKINESS = {
    "LbCookie": (
        "This is loadbalancer cookie based stickiness method.",
        "cookie-name mode nocache! indirect! postonly! domain",
    ),
    "AppCookie": (
        "This is App session based sticky method. Define session stickiness on an existing "
        "application cookie. It can be used only for a specific http traffic",
        "cookie-name length holdtime request-learn! prefix! mode",
    ),
    "SourceBased": (
        "This is source based Stickiness method, it can be used for any type of protocol.",
        "tablesize expire",
    ),
}

Capabilities = dict[str, tuple[str, bool]]  # name: (value, may be chosen in an offering)

ROUTER_CAPABILITIES: dict[str, Capabilities] = {
    "StaticNat": {"ElasticIp": ("false", False), "AssociatePublicIP": ("false", False)},
    "Vpn": {
        "VpnTypes": ("s2svpn", False),
        "SupportedVpnTypes": ("pptp,l2tp,ipsec", False),
    },
    "NetworkACL": {"SupportedProtocols": ("tcp,udp,icmp", False)},
    "UserData": {},
    "PortForwarding": {"SupportedProtocols": ("tcp,udp", False)},
    "Dns": {"AllowDnsSuffixModification": ("true", False)},
    "SourceNat": {
        "SupportedSourceNatTypes": ("peraccount", True),
        "RedundantRouter": ("false", True),
    },
    "Dhcp": {"DhcpAccrossMultipleSubnets": ("true", False)},
}


FIREWALL: Capabilities = {
    "SupportedProtocols": ("tcp,udp,icmp", False),
    "SupportedEgressProtocols": ("tcp,udp,icmp, all", False),
    "SupportedTrafficDirection": ("ingress, egress", False),
    "MultipleIps": ("true", False),
    "TrafficStatistics": ("per public ip", False),
}
LB_CHOICES = ("SupportedLBIsolation", "ElasticLb", "InlineMode", "LbSchemes", "VmAutoScaling")


def network_services(offering: NetworkOffering, *, redundant: bool = False) -> list[Body]:
    """Return the services of a network; Lb only where its offering has a provider for it."""
    router, lb_provider = _router(offering), offering.lb_provider
    services = [
        _service(name, router, capabilities) for name, capabilities in _of_router(offering).items()
    ]
    if redundant:
        _choose(services, "RedundantRouter")
    if offering.built_in:
        _choose(services, "AssociatePublicIP")
    if lb_provider is not None:
        services.append(_service("Lb", lb_provider, _lb_capabilities(lb_provider)))
    return services


def _router(offering: NetworkOffering) -> str:
    return "VpcVirtualRouter" if offering.for_vpc else "VirtualRouter"


def _of_router(offering: NetworkOffering) -> dict[str, Capabilities]:
    """Return the services that a router gives: a network outside a VPC has a firewall, no ACL."""
    if offering.for_vpc:
        return ROUTER_CAPABILITIES
    others = {
        name: value
        for name, value in ROUTER_CAPABILITIES.items()
        if name not in ("NetworkACL", "Vpn")
    }
    return others | {"Firewall": FIREWALL}


def _choose(services: list[Body], name: str) -> None:
    for service in services:
        for capability in service["capability"]:
            if capability["name"] == name:
                capability["value"] = "true"


def offering_services(offering: NetworkOffering) -> list[Body]:
    """Return the services of a network offering, which name what the offering itself chose."""
    lb_provider = offering.lb_provider
    redundant = "true" if offering.redundant else "false"
    isolation = "dedicated" if lb_provider == "InternalLbVm" else "shared"
    chosen: dict[str, list[tuple[str, str]]] = {
        "StaticNat": [("ElasticIp", "false"), ("AssociatePublicIP", "false")],
        "SourceNat": [("SupportedSourceNatTypes", "peraccount"), ("RedundantRouter", redundant)],
        "Lb": [
            ("SupportedLBIsolation", isolation),
            ("ElasticLb", "false"),
            ("InlineMode", "false"),
            ("VmAutoScaling", "false"),
        ],
    }
    providers = dict.fromkeys(_of_router(offering), _router(offering))
    if lb_provider is not None:
        providers["Lb"] = lb_provider
    return [
        {"name": name, "provider": [{"name": provider}]}
        | ({"capability": [_capability(*one) for one in chosen[name]]} if name in chosen else {})
        for name, provider in providers.items()
    ]


def vpc_services() -> list[Body]:
    services: list[Body] = [
        {"name": name, "provider": [{"name": "VpcVirtualRouter"}]} for name in ROUTER_CAPABILITIES
    ]
    both = [{"name": "VpcVirtualRouter"}, {"name": "InternalLbVm"}]
    return [*services, {"name": "Lb", "provider": both}]


def _service(name: str, provider: str, capabilities: Capabilities) -> Body:
    return {
        "name": name,
        "provider": [{"name": provider}],
        "capability": [
            _capability(key, value, chosen) for key, (value, chosen) in capabilities.items()
        ],
    }


def _capability(name: str, value: str, chosen: bool = False) -> Body:
    return {"name": name, "value": value, "canchooseservicecapability": chosen}


def _lb_capabilities(provider: str) -> Capabilities:
    scheme = "Internal" if provider == "InternalLbVm" else "Public"
    return {
        "SupportedLBIsolation": ("dedicated", True),
        "SupportedLbAlgorithms": ("roundrobin,leastconn,source", False),
        "SupportedStickinessMethods": (_stickiness(), False),
        "LbSchemes": (scheme, False),
        "SupportedProtocols": ("tcp, udp", False),
        "ElasticLb": ("false", False),
        "InlineMode": ("false", False),
    }


@cache
def _stickiness() -> str:
    return json.dumps(
        [
            {
                "methodname": method,
                "paramlist": [
                    {
                        "paramname": name.rstrip("!"),
                        "required": False,
                        "isflag": name.endswith("!"),
                        "description": " ",
                    }
                    for name in parameters.split()
                ],
                "description": description,
            }
            for method, (description, parameters) in STICKINESS.items()
        ],
        separators=(",", ":"),
    )
