"""Tell where an answer differs from the recorded one, learning which id stands for which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000")
ADDRESSES = ("sourceipaddress", "guestipaddress", "ipaddress")
SETS = {
    "service": ("name",),
    "capability": ("name",),
    "provider": ("name",),
    "nic": ("traffictype", "networkname"),
}
# Recorded neither by age nor by name, or seeded in another order than the recorded server's.
UNORDERED = (
    "internalloadbalancervm",
    "router",
    "loadbalancerinstance",
    "network",
    "virtualmachine",
)

# Values that another machine, another day or another hypervisor makes different. Their presence
# and their type are still compared.
VARYING = {
    "templatename": "the sandbox pretends KVM",
    "templatetype": "the user template of the lab was built in",
    "templateformat": "KVM's format",
    "templatedisplaytext": "another guest",
    "format": "KVM's format",
    "size": "another template",
    "physicalsize": "another template",
    "ostypename": "another guest",
    "osdisplayname": "another guest",
    "gateway": "which range",
    "ostypeid": "another guest",
    "guestosid": "another guest",
    "url": "where templates come from",
    "datastore": "names of the lab",
    "startip": "which range",
    "endip": "which range",
    "uuid": "a number of the database where it is no id",
    "scriptsversion": "set by hand in the recording",
    "publicip": "which range",
    "publicmacaddress": "assigned",
    "gputotal": "the sandbox's hosts have no GPUs",
    "networkkbsread": "measured",
    "networkkbswrite": "measured",
    "cpuused": "measured",
    "displaytext": "names of the lab",
    "networkofferingdisplaytext": "names of the lab",
    "maxconnections": "a tuned offering",
    "hypervisor": "the sandbox pretends KVM, the recording ran the simulator",
    "hostid": "which host",
    "hostname": "which host",
    "podname": "which pod",
    "count": "a lab holds only what the replayed commands touch",
    "linklocalip": "new at every start",
    "linklocalmacaddress": "new at every start",
    "guestmacaddress": "assigned",
    "macaddress": "assigned",
    "ipaddress": "assigned",
    "sourceipaddress": "assigned where the request names none",
    "guestipaddress": "assigned where the request names none",
    "isolationuri": "which VLAN",
    "broadcasturi": "which VLAN",
    "vlan": "which VLAN",
    "description": "carries database ids",
    "instancename": "names of machines carry running numbers",
    "resourcename": "names of machines carry running numbers",
}
MACHINE_NAME = re.compile(r"\b([a-z]-(?:\d+-)?)\d+-VM")


@dataclass
class Comparison:
    """What is known so far of which recorded id, and which recorded VIP, is which of the lab's.

    `ids` maps recorded to own. `partial` compares an answer whose recording was cut,
    `others` are fields whose values vary in this scenario, and why.
    """

    ids: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    partial: bool = False
    others: dict[str, str] = field(default_factory=dict)

    def differences(self, expected: Any, actual: Any, path: str = "") -> Iterator[str]:
        if isinstance(expected, dict) and isinstance(actual, dict):
            yield from self._fields(expected, actual, path)
        elif isinstance(expected, list) and isinstance(actual, list):
            yield from self._rows(expected, actual, path)
        elif not self._same_value(_last_name(path), expected, actual):
            yield f"{path}: {expected!r} recorded, {actual!r} answered"

    def _fields(self, expected: dict[str, Any], actual: dict[str, Any], path: str) -> Iterator[str]:
        if missing := sorted(set(expected) - set(actual)):
            yield f"{path}: missing {missing}"
        extra = sorted(set(actual) - set(expected))
        if extra and not self.partial:
            yield f"{path}: extra {extra}"
        for key in expected.keys() & actual.keys():
            yield from self.differences(expected[key], actual[key], f"{path}.{key}")

    def _rows(self, expected: list[Any], actual: list[Any], path: str) -> Iterator[str]:
        name = path.rsplit(".", 1)[-1]
        if name in SETS:
            by = SETS[name]
            expected, actual = _sorted(expected, by), _sorted(actual, by)
        else:
            yield from self._known_rows(expected, actual, path)
            expected, actual = self._aligned(expected, actual)
        if bool(expected) != bool(actual) or len(expected) > len(actual):
            yield f"{path}: {len(expected)} recorded, {len(actual)} answered"
        for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
            yield from self.differences(one, other, f"{path}[{index}]")

    def _known_rows(self, expected: list[Any], actual: list[Any], path: str) -> Iterator[str]:
        """Compare which of the known things are there, and in which order they come."""
        wanted = [self.ids[one] for one in map(_id, expected) if one in self.ids]
        given = [one for one in map(_id, actual) if one in set(self.ids.values())]
        strangers = [one for one in given if one not in wanted]
        if strangers and not self.partial:
            yield f"{path}: {len(strangers)} that the recording does not show"
        common = [one for one in given if one in wanted]
        in_order = [one for one in wanted if one in common]
        if common != in_order and not path.endswith(UNORDERED):
            yield f"{path}: in another order"

    def _aligned(self, expected: list[Any], actual: list[Any]) -> tuple[list[Any], list[Any]]:
        """Put rows of the same known thing beside each other, then the rest in its order."""
        by_id = {_id(row): row for row in actual if _id(row)}
        pairs, left = [], []
        for row in expected:
            match = by_id.pop(self.ids.get(_id(row), ""), None)
            if match is None:
                left.append(row)
            else:
                pairs.append((row, match))
        used = {id(match) for _, match in pairs}
        known = set(self.ids.values())
        rest = [row for row in actual if id(row) not in used and _id(row) not in known]
        return [row for row, _ in pairs] + left, [match for _, match in pairs] + rest

    def _same_value(self, key: str, expected: Any, actual: Any) -> bool:
        if type(expected) is not type(actual):
            return False
        if not isinstance(expected, str):
            return self._varies(key) or bool(expected == actual)
        if UUID.fullmatch(expected):
            if self._varies(key):
                return bool(UUID.fullmatch(actual))
            return self._same_id(expected, actual)
        if DATE.fullmatch(expected):
            return bool(DATE.fullmatch(actual))
        if key in ADDRESSES and expected:
            self.addresses.setdefault(expected, actual)
        return self._varies(key) or stable(expected) == stable(actual)

    def _varies(self, key: str) -> bool:
        return key in VARYING or key in self.others

    def _same_id(self, expected: str, actual: str) -> bool:
        """An id met before must be the same thing again; a new one must be an id."""
        if not UUID.fullmatch(actual):
            return False
        if actual not in self.ids.values():
            return self.ids.setdefault(expected, actual) == actual
        return self.ids.get(expected) == actual


def _last_name(path: str) -> str:
    return path.rsplit(".", 1)[-1].split("[", maxsplit=1)[0]


def _id(row: Any) -> str:
    return str(row.get("id", "")) if isinstance(row, dict) else ""


def _sorted(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [str(row.get(key)) for key in keys])


def stable(text: str) -> str:
    """Take ids, numbers of records and JSON of database objects out of a text."""
    text = re.sub(r"\{.*\}", "{…}", text)
    text = UUID.sub("<id>", text)
    text = MACHINE_NAME.sub(r"\1n-VM", text)
    return re.sub(
        r"(\bDataCenter:|\bid[ =:]+|\brule:|\brouter )\d+", r"\1n", text, flags=re.IGNORECASE
    )
