"""The format of `ilb.yaml` as pydantic models, and as the JSON Schema that editors take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
)

from bot.domain.spec import Algorithm
from bot.services import marked_yaml, spec_values

_Text = Annotated[StrictStr, Field(min_length=1, max_length=255)]
_Port = Annotated[StrictInt, Field(ge=1, le=65535)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemberById(Part):
    id: _Text


class MemberByTag(Part):
    tag: Annotated[_Text, Field(pattern=r"^[^=]+=.*$")]


def _kind_of_member(said: object) -> str | None:
    if isinstance(said, str):
        return "a name"
    return ("a tag" if "tag" in said else "an id") if isinstance(said, dict) else None


MemberPart = Annotated[
    Annotated[_Text, Tag("a name")]
    | Annotated[MemberById, Tag("an id")]
    | Annotated[MemberByTag, Tag("a tag")],
    Discriminator(
        _kind_of_member,
        custom_error_type="member",
        custom_error_message="expected the name of a VM, {id: …} or {tag: key=value}",
    ),
]


class StickinessPart(Part):
    method: Annotated[
        StrictStr,
        AfterValidator(spec_values.method),
        Field(description="LbCookie or SourceBased"),
    ]
    parameters: dict[_Text, _Text] = Field(default_factory=dict)


class RulePart(Part):
    port: Annotated[_Port, Field(description="the port of the VIP")]
    to: Annotated[_Port | None, Field(description="the port of the members; default: the same")] = (
        None
    )
    algorithm: Algorithm | None = None
    members: list[MemberPart] | None = None
    stickiness: StickinessPart | None = None
    name: Annotated[StrictStr, Field(max_length=255)] = ""
    absent: Annotated[StrictBool, Field(description="take the rule on this port away")] = False


class ServicePart(Part):
    name: Annotated[StrictStr, Field(max_length=255, description="kept as a tag on its rules")] = ""
    fqdn: Annotated[
        StrictStr,
        AfterValidator(spec_values.dns_name),
        Field(max_length=253, description="its DNS name"),
    ] = ""
    members: list[MemberPart] = Field(
        default_factory=list, description="of rules without their own"
    )
    rules: Annotated[list[RulePart], Field(min_length=1)]


class IlbPart(Part):
    vip: Annotated[
        StrictStr,
        AfterValidator(spec_values.vip),
        Field(description="default: that of its services, or a free one"),
    ] = ""
    services: Annotated[list[ServicePart], Field(min_length=1)]


class EntryPart(Part):
    action: Literal["allow", "deny"]
    protocol: Annotated[
        StrictStr | StrictInt,
        AfterValidator(spec_values.protocol),
        Field(description="tcp, udp, icmp, all, a number"),
    ]
    ports: Annotated[
        StrictStr | _Port | None,
        AfterValidator(spec_values.port_range),
        Field(description="80 or 80-443; default: all"),
    ] = None
    icmp: Annotated[list[StrictInt] | None, Field(min_length=2, max_length=2)] = None
    from_: Annotated[
        list[Annotated[_Text, AfterValidator(spec_values.source)]],
        Field(alias="from", min_length=1, description="CIDRs or tiers of the VPC"),
    ]
    direction: Literal["ingress", "egress"] = "ingress"
    reason: Annotated[StrictStr, Field(max_length=2500)] = ""


class AclPart(Part):
    name: Annotated[StrictStr, Field(max_length=255)] = ""
    rules: list[EntryPart] | None = None


class Document(Part):
    tier: Annotated[_Text, Field(description="VPC/TIER, the tier's name or its id")]
    provider: Literal["InternalLbVm"] = "InternalLbVm"
    offering: Annotated[StrictStr, Field(description="the network offering it must have")] = ""
    ilbs: Annotated[list[IlbPart], Field(min_length=1)]
    acl: AclPart | None = None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the format (draft 2020-12), as editors take it."""
    schema = Document.model_json_schema(by_alias=True)
    return (
        {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        | schema
        | {"title": "ilbot spec of one tier"}
    )


_MODELS: dict[str, type[BaseModel]] = {
    "ilbs": IlbPart, "services": ServicePart, "rules": RulePart,
    "stickiness": StickinessPart, "acl": AclPart,
}  # fmt: skip


def names_at(path: marked_yaml.Path) -> Iterable[str]:
    """Return the names that may stand where an unknown one does."""
    inside = [part for part in path[:-1] if isinstance(part, str)]
    if inside[:1] == ["acl"] and inside[-1:] == ["rules"]:
        return [field.alias or name for name, field in EntryPart.model_fields.items()]
    if inside[-1:] == ["members"]:
        return (*MemberById.model_fields, *MemberByTag.model_fields)
    return (_MODELS[inside[-1]] if inside else Document).model_fields
