"""Turns reads and changes of what a tier is provisioned with into CloudStack commands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.adapters.cloudstack.calls import EVERYTHING, Calls
from bot.adapters.cloudstack.client import Call
from bot.adapters.cloudstack.failures import ApiRefused
from bot.adapters.cloudstack.site_answers import (
    AclListRow,
    AclRow,
    ElementRow,
    StickinessesRow,
    UserVmRow,
)
from bot.domain.site import AclList, AclRule, UserVm
from bot.domain.spec import Stickiness
from bot.ports import Created

_GONE = frozenset({"Destroyed", "Expunging"})
_LOAD_BALANCER = {"resourcetype": "LoadBalancer"}
_CONFLICT = 537
_OTHER_RULE = re.compile(
    r'conflicts with rule \w*\W*"name":"(?P<name>.*?)",.*?"uuid":"(?P<id>[^"]+)"'
)
"""How CloudStack 4.22 names the other rule (`RulesManagerImpl`, `FirewallManagerImpl`)."""


class SiteCalls(Calls):
    """The part of the `Cloud` port that provisioning is made of."""

    async def tier_vms(self, tier_id: str) -> tuple[UserVm, ...]:
        """Return the VMs of a tier; what is destroyed keeps its row for a while."""
        what, wanted = self._of("VMs", tier_id), {**EVERYTHING, "networkid": tier_id}
        rows = await self._client.rows(Call(what, "listVirtualMachines", wanted), UserVmRow)
        found = {row.id: row.value(tier_id) for row in rows if row.state not in _GONE}
        self._remember({vm.id: vm.name for vm in found.values()})
        return tuple(vm for vm in found.values() if vm.address)

    async def acl_lists(self, vpc_id: str) -> tuple[AclList, ...]:
        """Return the lists of a VPC and the built-in ones, which are listed without a VPC too."""
        call = Call("list the network ACL lists", "listNetworkACLLists", EVERYTHING)
        rows = {row.id: row for row in await self._client.rows(call, AclListRow)}
        return tuple(row.value() for row in rows.values() if row.vpcid in {"", vpc_id})

    async def acl_rules(self, acl_id: str) -> tuple[AclRule, ...]:
        """Return the entries of a list, by number."""
        what, wanted = "list the entries of a network ACL list", {**EVERYTHING, "aclid": acl_id}
        rows = await self._client.rows(Call(what, "listNetworkACLs", wanted), AclRow)
        entries = {row.id: row.value() for row in rows}
        return tuple(sorted(entries.values(), key=lambda entry: entry.number))

    async def stickiness(self, rule_id: str) -> tuple[str, Stickiness] | None:
        """Return a rule's policy; CloudStack keeps one (the second replaces the first)."""
        what = f"look at the stickiness of LB rule {self._named(rule_id)}"
        call = Call(what, "listLBStickinessPolicies", {"lbruleid": rule_id, "listall": "true"})
        rows = await self._client.rows(call, StickinessesRow)
        policies = [policy for row in rows for policy in row.stickinesspolicy]
        return (policies[-1].id, policies[-1].value()) if policies else None

    async def ilb_element(self, provider_id: str) -> tuple[str, bool] | None:
        """Return a provider's element and whether it is enabled."""
        what, wanted = "look at the internal LB element", {"nspid": provider_id}
        rows = await self._client.rows(
            Call(what, "listInternalLoadBalancerElements", wanted), ElementRow
        )
        return next(((row.id, row.enabled) for row in rows), None)

    async def create_rule(
        self, tier_id: str, *, vip: str, port: int, to: int, algorithm: str, name: str
    ) -> Created:
        """Submit a rule; CloudStack ignores a protocol, and its scheme can only be Internal.

        `ApiRefused` with 537 names the rule that has the port: it may be in no listing.
        """
        act = f"create LB rule {name} on {vip}:{port}"
        params = {
            "name": name, "networkid": tier_id, "sourceipaddressnetworkid": tier_id,
            "sourceipaddress": vip, "sourceport": str(port), "instanceport": str(to),
            "algorithm": algorithm, "scheme": "Internal",
        }  # fmt: skip
        try:
            return await self._create(Call(act, "createLoadBalancer", params))
        except ApiRefused as no:
            raise _taken(act, no) from no

    async def delete_rule(self, rule_id: str) -> str:
        """Submit a deletion and return the job id."""
        act = f"delete LB rule {self._named(rule_id)}"
        return await self._client.submit(Call(act, "deleteLoadBalancer", {"id": rule_id}))

    async def assign(self, rule_id: str, vm_ids: Sequence[str]) -> str:
        """Submit new members; the job's failure never says why (`AssignToLoadBalancerRuleCmd`)."""
        act = f"assign {self._all(vm_ids)} to LB rule {self._named(rule_id)}"
        params = {"id": rule_id, "virtualmachineids": ",".join(vm_ids)}
        return await self._client.submit(Call(act, "assignToLoadBalancerRule", params))

    async def remove(self, rule_id: str, vm_ids: Sequence[str]) -> str:
        """Submit the removal of members."""
        act = f"remove {self._all(vm_ids)} from LB rule {self._named(rule_id)}"
        params = {"id": rule_id, "virtualmachineids": ",".join(vm_ids)}
        return await self._client.submit(Call(act, "removeFromLoadBalancerRule", params))

    async def create_tags(self, rule_id: str, tags: Mapping[str, str]) -> str:
        """Submit tags of a rule."""
        params = _LOAD_BALANCER | {"resourceids": rule_id}
        for number, (key, value) in enumerate(sorted(tags.items())):
            params |= {f"tags[{number}].key": key, f"tags[{number}].value": value}
        return await self._client.submit(
            Call(f"tag LB rule {self._named(rule_id)}", "createTags", params)
        )

    async def delete_tags(self, rule_id: str, keys: Sequence[str]) -> str:
        """Submit the removal of tags: without a value every value of the key is meant."""
        params = _LOAD_BALANCER | {"resourceids": rule_id}
        params |= {f"tags[{number}].key": key for number, key in enumerate(sorted(keys))}
        act = f"take tags from LB rule {self._named(rule_id)}"
        return await self._client.submit(Call(act, "deleteTags", params))

    async def stick(self, rule_id: str, name: str, wanted: Stickiness) -> Created:
        """Submit a stickiness policy."""
        params = {"lbruleid": rule_id, "name": name, "methodname": wanted.method}
        for number, (key, value) in enumerate(wanted.parameters):
            params |= {f"param[{number}].name": key, f"param[{number}].value": value}
        act = f"make LB rule {self._named(rule_id)} sticky"
        return await self._create(Call(act, "createLBStickinessPolicy", params))

    async def unstick(self, policy_id: str) -> str:
        """Submit the deletion of a stickiness policy."""
        act = "delete a stickiness policy"
        return await self._client.submit(Call(act, "deleteLBStickinessPolicy", {"id": policy_id}))

    async def create_acl_list(self, vpc_id: str, name: str, description: str) -> Created:
        """Submit an empty list of a VPC."""
        params = {"vpcid": vpc_id, "name": name, "description": description}
        act = f"create network ACL list {name}"
        return await self._create(Call(act, "createNetworkACLList", params))

    async def create_acl_rule(self, acl_id: str, rule: AclRule) -> Created:
        """Submit one entry of a list."""
        params = {
            "aclid": acl_id, "number": str(rule.number), "protocol": rule.protocol,
            "cidrlist": ",".join(rule.cidrs), "action": "allow" if rule.allow else "deny",
            "traffictype": "ingress" if rule.is_ingress else "egress",
        }  # fmt: skip
        optional = {
            "startport": rule.start_port, "endport": rule.end_port,
            "icmptype": rule.icmp_type, "icmpcode": rule.icmp_code, "reason": rule.reason or None,
        }  # fmt: skip
        params |= {name: str(value) for name, value in optional.items() if value is not None}
        act = f"add entry {rule.number} to network ACL list {self._named(acl_id)}"
        return await self._create(Call(act, "createNetworkACL", params))

    async def replace_acl_list(self, tier_id: str, acl_id: str) -> str:
        """Submit that a tier gets another list."""
        act = f"put another network ACL list in force on tier {self._named(tier_id)}"
        params = {"networkid": tier_id, "aclid": acl_id}
        return await self._client.submit(Call(act, "replaceNetworkACLList", params))

    async def delete_acl_list(self, acl_id: str) -> str:
        """Submit the deletion of a list."""
        act = f"delete network ACL list {self._named(acl_id)}"
        return await self._client.submit(Call(act, "deleteNetworkACLList", {"id": acl_id}))

    async def create_ilb_element(self, provider_id: str) -> Created:
        """Submit an element for a provider."""
        act, params = "create an internal LB element", {"nspid": provider_id}
        return await self._create(Call(act, "createInternalLoadBalancerElement", params))

    async def configure_ilb_element(self, element_id: str) -> str:
        """Submit that an element is enabled: its provider is not ready before."""
        params = {"id": element_id, "enabled": "true"}
        act = "enable the internal LB element"
        return await self._client.submit(Call(act, "configureInternalLoadBalancerElement", params))

    async def set_provider(self, provider_id: str, state: str) -> str:
        """Submit the state of a provider, in the case of `PhysicalNetworkServiceProvider.State`."""
        act = f"set provider InternalLbVm to {state}"
        params = {"id": provider_id, "state": state}
        return await self._client.submit(Call(act, "updateNetworkServiceProvider", params))


def _taken(act: str, no: ApiRefused) -> ApiRefused:
    """Return a conflict with the rule behind it, which listings hide with `fordisplay=false`."""
    if no.code != _CONFLICT or "conflicts with rule" not in no.why:
        return no
    other = _OTHER_RULE.search(no.why)
    who = f"rule {other['name']} ({other['id']})" if other else "another rule"
    which = other["id"] if other else "…"
    return ApiRefused(
        f"{act}: refused (537): {who} has that port, and is hidden (fordisplay=false) unless it "
        "was made just now.",
        code=no.code,
        cserrorcode=no.cserrorcode,
        instead=f"Take another port, or show it: updateLoadBalancer id={which} fordisplay=true.",
    )
