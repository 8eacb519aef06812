from pydantic import Field

from crypto_api.http.schemas.base import ReadSchema, Time


class OrganizationRead(ReadSchema):
    id: str = Field(examples=["org_01k9x5r3v8"])
    name: str = Field(examples=["Byron Treasury"])
    functional_currency: str = Field(examples=["USD"])
    time_zone: str = Field(examples=["UTC"])
    role: str = Field(description="Mine in it.")
    current: bool = Field(description="Whether this session acts in it.")
    created_at: Time
