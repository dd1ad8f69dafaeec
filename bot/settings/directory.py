"""The settings of the directory: where the names of services are, and who changes them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bot.settings.checks import a_host, in_base64
from bot.settings.groups import Count, Group, Seconds, Secret


class DirectorySettings(Group):
    """Where clients look up the names of services, and who changes the records there."""

    kind: Literal["none", "rfc2136", "manual"] = Field(
        default="none",
        description=(
            "rfc2136: the bot changes records by dynamic updates; manual: a person does, and is"
            " shown the record; none: no name can be moved, so nothing is paired or rolled beside"
        ),
    )
    server: Annotated[str, AfterValidator(a_host)] = Field(
        default="",
        description=(
            "DNS server to ask: for rfc2136 the primary of the zone, which takes the updates."
            " Empty with manual: the first resolver of this machine"
        ),
    )
    port: Count = Field(default=53, ge=1, le=65535, description="Port of the server, UDP and TCP")
    zone: Annotated[str, AfterValidator(a_host)] = Field(
        default="",
        description="Zone that is updated, as in shop.internal; names outside it are refused",
    )
    tsig_name: Annotated[str, AfterValidator(a_host)] = Field(
        default="", description="Name of the TSIG key that updates are signed with"
    )
    tsig_secret: Annotated[Secret, AfterValidator(in_base64)] | None = Field(
        default=None, description="Secret of that key in base64, as `tsig-keygen` prints it"
    )
    tsig_algorithm: Literal["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"] = Field(
        default="hmac-sha256",
        description="Algorithm of that key; hmac-sha256 is what every server has (RFC 8945)",
    )
    ttl_s: Count = Field(
        default=30,
        ge=1,
        le=86_400,
        description=(
            "How long clients may remember a record that the bot makes; every move of a name waits"
            " as long, and a shorter time means more queries. A record that is there keeps its own"
        ),
    )
    timeout_s: Seconds = Field(
        default=5.0,
        gt=0,
        le=60,
        description="How long one answer may take; a server nearby takes milliseconds",
    )
    manual_deadline_s: Seconds = Field(
        default=14_400.0,
        ge=60,
        le=604_800,
        description=(
            "How long a person may take to change a record, with kind manual, before the change"
            " is taken back; half a working day, and nothing else changes in that VPC meanwhile"
        ),
    )

    @model_validator(mode="after")
    def _updates_need_server_zone_and_key(self) -> Self:
        needed = {
            "server": self.server, "zone": self.zone,
            "tsig_name": self.tsig_name, "tsig_secret": self.tsig_secret,
        }  # fmt: skip
        missing = [name for name, value in needed.items() if not value]
        if self.kind == "rfc2136" and missing:
            raise ValueError(f"rfc2136 needs {', '.join(missing)}, which is not set")
        return self
