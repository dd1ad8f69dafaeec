"""Name the services of tiers and VPCs with their providers and capabilities, as lists show them."""

from __future__ import annotations

import json

from bot.sandbox.cloud.frame import Body

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


def network_services(lb_provider: str | None) -> list[Body]:
    """Return the services of a tier; Lb only where its offering has a provider for it."""
    services = [
        _service(name, "VpcVirtualRouter", capabilities)
        for name, capabilities in ROUTER_CAPABILITIES.items()
    ]
    if lb_provider is not None:
        services.append(_service("Lb", lb_provider, _lb_capabilities(lb_provider)))
    return services


def offering_services(lb_provider: str | None) -> list[Body]:
    """Return the services of a network offering, which name what the offering itself chose."""
    chosen: dict[str, list[tuple[str, str]]] = {
        "StaticNat": [("ElasticIp", "false"), ("AssociatePublicIP", "false")],
        "SourceNat": [("SupportedSourceNatTypes", "peraccount"), ("RedundantRouter", "false")],
        "Lb": [
            ("SupportedLBIsolation", "dedicated"),
            ("ElasticLb", "false"),
            ("InlineMode", "false"),
            ("VmAutoScaling", "false"),
        ],
    }
    providers = dict.fromkeys(ROUTER_CAPABILITIES, "VpcVirtualRouter")
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
