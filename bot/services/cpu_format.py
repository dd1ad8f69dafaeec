"""The format of a record on the CPU topic as a pydantic model, as JSON Schema, and as bytes."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from bot.domain.load import CpuSample

TARGET = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
LATEST_AT = 100_000_000_000
"""Unix seconds of the year 5138: a larger number is milliseconds."""
LONGEST_NAME = 255

_Name = Annotated[StrictStr, Field(max_length=LONGEST_NAME)]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class CpuRecord(BaseModel):
    """How busy one router or ILB VM was at one moment. Further fields are ignored.

    The record's key is `target` as text, so that one partition has all samples of a machine.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    target: Annotated[StrictStr, Field(pattern=TARGET)] = Field(
        description="CloudStack's id (uuid) of the router or the ILB VM, or its instance name",
        examples=["7747a5cc-0516-4562-b5c7-2bd6e7a81633"],
    )
    at: Annotated[_Number, Field(gt=0, lt=LATEST_AT)] = Field(
        description="When it was so busy, in unix seconds", examples=[1_795_381_263]
    )
    cpu_percent: Annotated[_Number, Field(ge=0, le=100)] = Field(
        description="Share in use of all its vCPUs together, in percent", examples=[97.5]
    )
    name: _Name = Field(default="", description="Its instance name", examples=["b-31-VM"])
    host: _Name = Field(
        default="", description="The hypervisor host it ran on, by name", examples=["kvm-a1"]
    )


def encode(sample: CpuSample) -> tuple[bytes, bytes]:
    """Return a record's key and value for a sample."""
    record = CpuRecord(
        target=sample.target_id,
        at=sample.at,
        cpu_percent=sample.cpu_percent,
        name=sample.target_name[:LONGEST_NAME],
        host=sample.host[:LONGEST_NAME],
    )
    return sample.target_id.encode(), record.model_dump_json().encode()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a record's value (draft 2020-12)."""
    schema = CpuRecord.model_json_schema()
    return (
        {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        | schema
        | {"title": "ilbot CPU sample"}
    )


def schema_text() -> str:
    """Return the schema as the published file has it."""
    return json.dumps(json_schema(), indent=2) + "\n"
